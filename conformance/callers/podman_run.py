"""podman run in the foreground: streams, exit codes, what the program is given."""

from __future__ import annotations

from harness import IMAGE
from podman_caller import expect, podman

LARGE = "0123456789abcdef" * (1 << 18)  # 4 MiB


@podman.case
def output_and_exit_status_0() -> None:
    podman.run_container("echo", "hello").expect(status=0, output="hello")


@podman.case
def exit_status_comes_back() -> None:
    podman.shell("exit 7").expect(status=7)


@podman.case
def signal_that_ends_the_program_is_128_and_its_number() -> None:
    podman.shell("kill -KILL $$; sleep 1; exec sh -c 'kill -KILL $$'", "--init").expect(status=137)


@podman.case
def error_output_is_kept_apart() -> None:
    podman.shell("echo good; echo bad >&2").expect(status=0, output="good", errors="bad")


@podman.case
def standard_input_reaches_the_container() -> None:
    podman.run_container("cat", flags=("--interactive",), given="from outside").expect(0, "from outside")


@podman.case
def input_of_4_MiB_and_its_end_are_seen() -> None:
    podman.shell("wc -c", "--interactive", given=LARGE).expect(0, str(len(LARGE)))


@podman.case
def output_of_4_MiB_comes_whole() -> None:
    result = podman.run_container("cat", flags=("--interactive",), given=LARGE)
    expect(result.status == 0 and result.output == LARGE, f"{result.status}, {len(result.output)} of {len(LARGE)}")


@podman.case
def without_interactive_there_is_no_input() -> None:
    podman.shell("wc -c", given="from outside").expect(0, "0")


@podman.case
def terminal() -> None:
    words = podman.options("--interactive", "--tty")
    script = "test -t 0 && test -t 1 && test -t 2 && tty"
    podman.call_on_terminal("run", "--rm", *words, "sh", "-c", script).expect(0, "/dev/pts/0")


@podman.case
def program_typed_to_on_a_terminal() -> None:
    command = [*podman.base, "run", "--rm", *podman.options("--interactive", "--tty"), "sh", "-c"]
    result = podman.command_on_terminal(*command, 'read a; echo "<$a>"', typed="word\n")
    expect(result.status == 0 and "<word>" in result.output, result.output)


@podman.case
def missing_program_is_127() -> None:
    podman.run_container("nosuch").expect(127, errors="nosuch").expect(errors="not found in $PATH")


@podman.case
def missing_program_by_path_is_127() -> None:
    podman.run_container("/bin/nosuch").expect(127, errors="/bin/nosuch")


@podman.case
def program_that_may_not_run_is_126() -> None:
    podman.run_container("/etc/passwd").expect(126, errors="ermission denied")


@podman.case
def directory_as_program_is_126() -> None:
    podman.run_container("/etc").expect(126)


@podman.case
def error_of_podman_itself_is_125() -> None:
    podman.run_container("true", flags=("--volume", "/nosuch/source:/x")).expect(125, errors="no such file")


@podman.case
def missing_working_directory_is_refused() -> None:
    podman.run_container("pwd", flags=("--workdir", "/etc/passwd")).expect(126)


@podman.case
def command_is_PID_1() -> None:
    podman.shell("echo $$").expect(0, "1")


@podman.case
def init_is_PID_1_and_reaps() -> None:
    script = "pid=$(true >/dev/null & echo $!); while test -e /proc/$pid; do sleep 0.05; done; cat /proc/1/comm"
    podman.shell(script, "--init").expect(0, "podman-init")


@podman.case
def environment_and_working_directory() -> None:
    podman.shell("echo $WORD; pwd", "--env", "WORD=x y", "--workdir", "/tmp").expect(0, "x y\n/tmp")


@podman.case
def environment_of_a_file() -> None:
    path = podman.write("env", "ONE=1\n# nothing\nTWO=two words\n")
    podman.shell("echo $ONE $TWO", "--env-file", path).expect(0, "1 two words")


@podman.case
def entrypoint() -> None:
    podman.run_container("there", flags=("--entrypoint", '["echo", "hello"]')).expect(0, "hello there")


@podman.case
def user_by_number() -> None:
    podman.shell("id -u; id -g", "--user", "65534:65534").expect(0, "65534\n65534")


@podman.case
def user_by_name_and_further_group() -> None:
    podman.shell("id -u; id -G", "--user", "nobody", "--group-add", "7").expect(0, "65534\n65534 7")


@podman.case
def home_is_the_users() -> None:
    podman.shell("echo $HOME").expect(0, "/")


@podman.case
def umask() -> None:
    podman.shell("umask", "--umask", "0077").expect(0, "0077")


@podman.case
def ulimit() -> None:
    # Those of processes and files must be given: see CONFIG of podman_caller.
    flags = ("--ulimit", "nofile=512:600", "--ulimit", "nproc=1024", "--ulimit", "core=0")
    podman.shell("ulimit -n; ulimit -H -n; ulimit -c", *flags).expect(0, "512\n600\n0")


@podman.case
def oom_score_adj() -> None:
    podman.run_container("cat", "/proc/self/oom_score_adj", flags=("--oom-score-adj", "345")).expect(0, "345")


@podman.case
def further_descriptors() -> None:
    path = podman.write("preserved", "kept open")
    command = [*podman.base, "run", "--rm", *podman.options("--preserve-fds", "1"), "sh", "-c", "cat <&3"]
    podman.command("sh", "-c", 'file=$1; shift; exec 3<"$file"; exec "$@"', "sh", path, *command).expect(0, "kept open")


@podman.case
def timeout_ends_the_container() -> None:
    # Its time begins with create: on a busy machine the start is a while away.
    result = podman.run_container("sleep", "1000", flags=("--timeout", "5"))
    expect(result.status == 255 and not result.errors, f"{result.status} {result.errors}")


@podman.case
def remove_at_the_end() -> None:
    name = podman.container()
    podman.call("run", "--rm", "--name", name, *podman.options(), "true").expect(status=0)
    podman.call("container", "exists", name).expect(status=1)


@podman.case
def no_log_driver() -> None:
    podman.shell("echo shown", "--log-driver", "none").expect(0, "shown")


@podman.case
def streams_passed_through() -> None:
    podman.shell("echo shown", "--log-driver", "passthrough").expect(0, "shown")


@podman.case
def container_of_an_image_by_its_identifier() -> None:
    identifier = podman.call("image", "inspect", "--format", "{{.Id}}", IMAGE).expect(status=0).output.strip()
    podman.run_container("echo", "hello", image=identifier).expect(0, "hello")


@podman.case
def signals_are_passed_on() -> None:
    log = podman.write("signalled", "")
    words = [*podman.base, "run", "--rm", *podman.options("--volume", f"{log}:/log"), "sh", "-c"]
    program = "trap 'echo caught > /log; exit 5' CONT; while :; do sleep 0.05; done"
    # Until it is caught, since podman begins to listen only when the container runs already.
    script = '"$@" & while ! test -s "$0"; do kill -CONT $!; sleep 0.05; done; wait $!'
    podman.command("sh", "-c", script, log, *words, program).expect(status=5)
