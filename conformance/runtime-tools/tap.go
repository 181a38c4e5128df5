// Package tap writes the Test Anything Protocol, version 13, to stdout. It stands in for github.com/mndrix/tap-go, which
// Debian does not package, with the calls that runtime-tools makes. YAML is written as JSON in one line.
package tap

import (
	"encoding/json"
	"fmt"
	"strings"
)

// T is one stream of assertions, or a view of it whose assertions are known not to hold.
type T struct {
	*stream
	directive string
}

type stream struct {
	count   int
	planned bool
}

// New gives an empty stream.
func New() *T { return &T{stream: &stream{}} }

// Todo gives the view of the stream whose assertions may fail.
func (t *T) Todo() *T { return &T{t.stream, " # TODO"} }

// Header begins the stream. A plan of 0 is one that AutoPlan prints at the end.
func (t *T) Header(plan int) {
	fmt.Println("TAP version 13")
	if plan > 0 {
		t.plan(plan)
	}
}

// AutoPlan prints the plan that fits the assertions so far.
func (t *T) AutoPlan() {
	if !t.planned {
		t.plan(t.count)
	}
}

func (t *T) plan(count int) {
	t.planned = true
	fmt.Printf("1..%d\n", count)
}

// Ok prints an assertion.
func (t *T) Ok(holds bool, description string) {
	t.count++
	if !holds {
		fmt.Print("not ")
	}
	fmt.Printf("ok %d - %s%s\n", t.count, strings.ReplaceAll(description, "\n", " "), t.directive)
}

// Pass prints an assertion that holds.
func (t *T) Pass(description string) { t.Ok(true, description) }

// Fail prints an assertion that does not hold.
func (t *T) Fail(description string) { t.Ok(false, description) }

// Skip prints assertions that were not tried.
func (t *T) Skip(count int, description string) {
	for ; count > 0; count-- {
		t.Ok(true, "# SKIP "+description)
	}
}

// Diagnostic prints a comment.
func (t *T) Diagnostic(message string) {
	fmt.Println("# " + strings.ReplaceAll(message, "\n", "\n# "))
}

// Diagnosticf prints a formatted comment.
func (t *T) Diagnosticf(format string, arguments ...interface{}) {
	t.Diagnostic(fmt.Sprintf(format, arguments...))
}

// YAML prints values that belong to the last assertion.
func (t *T) YAML(values interface{}) error {
	text, err := json.Marshal(values)
	if err == nil {
		fmt.Printf("  ---\n  %s\n  ...\n", text)
	}
	return err
}
