"""`ocipy validate` tells all errors at once, each with the path of its property."""

import json
import sys

import pytest

from ocipy.cli import validate
from ocipy.cli.options import UsageError, parse
from ocipy.errors import OcipyError
from ocipy.spec.default import default
from ocipy.spec.schema import read_schema, schema_directory, schema_problems

STATE = {"ociVersion": "1.3.0", "id": "x", "status": "running", "pid": 5, "bundle": "/b"}


@pytest.fixture
def jsonschema():
    return pytest.importorskip("jsonschema")


def run(*words):
    return validate.execute(None, parse(words, validate.VERB.options))


def write(path, document):
    path.write_text(json.dumps(document))
    return str(path)


@pytest.mark.parametrize("name", ["config", "state", "features"])
def test_the_schemas_are_schemas(name, jsonschema):
    jsonschema.Draft202012Validator.check_schema(read_schema(name))


@pytest.mark.parametrize("rootless", [False, True])
def test_the_default_is_valid(rootless, tmp_path, capsys, jsonschema):
    write(tmp_path / "config.json", default(rootless))
    assert run("--bundle", str(tmp_path)) == 0
    assert capsys.readouterr().out == "config.json is valid\n"


def test_validate_tells_every_error_with_its_path(tmp_path, capsys, jsonschema):
    document = default()
    document["process"]["cwd"] = "tmp"
    document["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_FOO", "syscalls": [{"action": "SCMP_ACT_ALLOW"}]}
    del document["ociVersion"]
    assert run(write(tmp_path / "my.json", document)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.split(": ")[0] for line in lines) == [
        "linux.seccomp.defaultAction", "linux.seccomp.syscalls[0].names", "ociVersion", "process.cwd",
    ]  # fmt: skip


def test_validate_tells_an_error_that_both_find_once_in_the_words_of_the_loader(tmp_path, capsys, jsonschema):
    document = default()
    document["process"]["user"]["uid"] = -1
    run(write(tmp_path / "config.json", document))
    assert capsys.readouterr().out == "process.user.uid: -1 is not in the range from 0 to 4294967294\n"


def test_validate_reads_null_as_absent(tmp_path, jsonschema):
    document = default() | {"hooks": None, "annotations": None}
    document["linux"]["seccomp"] = None
    assert run(write(tmp_path / "config.json", document)) == 0


def test_validate_never_tells_a_value_of_the_environment(tmp_path, capsys, jsonschema):
    document = default()
    document["process"]["env"] = {"PASSWORD": "hunter2"}
    document["hooks"] = {"prestart": [{"path": "/a", "env": ["hunter2"]}]}
    run(write(tmp_path / "config.json", document))
    out = capsys.readouterr().out
    assert "process.env: " in out and "hooks.prestart[0].env[0]: " in out
    assert "hunter2" not in out


def test_validate_tells_where_a_text_is_not_json(tmp_path, capsys, jsonschema):
    (tmp_path / "config.json").write_text('{\n"a": 1,}')
    assert run("-b", str(tmp_path)) == 1
    assert "config.json: " in (out := capsys.readouterr().out)
    assert "line 2" in out


def test_validate_format_json_is_one_object(tmp_path, capsys, jsonschema):
    document = default()
    del document["root"]
    assert run("--format", "json", write(tmp_path / "config.json", document)) == 1
    assert json.loads(capsys.readouterr().out) == {
        "file": "config.json",
        "valid": False,
        "errors": [{"path": "root", "message": "the property is required"}],
    }


def test_validate_format_json_of_a_valid_file_has_no_errors(tmp_path, capsys, jsonschema):
    assert run("--format=json", write(tmp_path / "c.json", default())) == 0
    assert json.loads(capsys.readouterr().out) == {"file": "c.json", "valid": True, "errors": []}


def test_validate_reads_standard_input(monkeypatch, capsys, tmp_path, jsonschema):
    with open(write(tmp_path / "state.json", STATE)) as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        assert run("--schema", "state", "-") == 0
    assert capsys.readouterr().out == "standard input is valid\n"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"status": "starting"}, "status"),
        ({"status": None}, "status"),
        ({"id": ""}, "id"),
        ({"pid": -1}, "pid"),
        ({"pid": 0}, "pid"),
        ({"pid": None}, "pid"),
        ({"bundle": "relative"}, "bundle"),
        ({"annotations": {"a": 1}}, "annotations.a"),
        ({"created": "yesterday"}, "created"),
    ],
)
def test_the_state_schema_refuses_a_bad_value(changes, path, jsonschema):
    assert path in [named for named, _ in schema_problems("state", STATE | changes)]


@pytest.mark.parametrize(
    "changes",
    [{"status": "stopped", "pid": 0}, {"status": "creating", "pid": None}, {"created": "2026-01-02T03:04:05.678Z"}],
)
def test_the_state_schema_takes_a_good_value(changes, jsonschema):
    assert schema_problems("state", STATE | changes) == []


SECCOMP = {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1}
RULE = {"names": ["read"], "action": "SCMP_ACT_ALLOW"}
EQUAL = {"index": 0, "value": 2**64 - 1, "op": "SCMP_CMP_EQ"}


# The objects that the loader leaves to the schema, and seccomp.
@pytest.mark.parametrize(
    ("linux", "path"),
    [
        ({"seccomp": {}}, "seccomp.defaultAction"),
        ({"seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1}}, "seccomp.defaultErrnoRet"),
        ({"seccomp": SECCOMP | {"defaultErrnoRet": 4095}}, "seccomp.defaultErrnoRet"),
        ({"seccomp": SECCOMP | {"architectures": ["SCMP_ARCH_FOO"]}}, "seccomp.architectures[0]"),
        ({"seccomp": SECCOMP | {"flags": ["FOO"]}}, "seccomp.flags[0]"),
        ({"seccomp": SECCOMP | {"listenerMetadata": "x"}}, "seccomp.listenerPath"),
        ({"seccomp": SECCOMP | {"syscalls": [RULE | {"names": []}]}}, "seccomp.syscalls[0].names"),
        ({"seccomp": SECCOMP | {"syscalls": [RULE | {"errnoRet": 1}]}}, "seccomp.syscalls[0].errnoRet"),
        ({"seccomp": SECCOMP | {"syscalls": [RULE | {"action": "SCMP_ACT_TRACE", "errnoRet": 65536}]}},
         "seccomp.syscalls[0].errnoRet"),
        ({"seccomp": SECCOMP | {"syscalls": [RULE | {"args": [EQUAL | {"index": 6}]}]}},
         "seccomp.syscalls[0].args[0].index"),
        ({"seccomp": SECCOMP | {"syscalls": [RULE | {"args": [EQUAL | {"op": "EQ"}]}]}},
         "seccomp.syscalls[0].args[0].op"),
        ({"intelRdt": {"schemata": ["L3:0=f\nL2:0=f"]}}, "intelRdt.schemata[0]"),
        ({"intelRdt": {"memBwSchema": "L3:0"}}, "intelRdt.memBwSchema"),
        ({"intelRdt": {"closID": "../x"}}, "intelRdt.closID"),
        ({"netDevices": {"a/b": {}}}, 'netDevices["a/b"]'),
        ({"netDevices": {"eth0": {"name": "x" * 16}}}, "netDevices.eth0.name"),
        ({"memoryPolicy": {}}, "memoryPolicy.mode"),
        ({"memoryPolicy": {"mode": "MPOL_BIND", "nodes": "a"}}, "memoryPolicy.nodes"),
        ({"memoryPolicy": {"mode": "MPOL_BIND", "flags": ["X"]}}, "memoryPolicy.flags[0]"),
    ],
)  # fmt: skip
def test_the_config_schema_refuses_a_bad_value_of_a_rare_object(linux, path, jsonschema):
    assert f"linux.{path}" in [named for named, _ in schema_problems("config", default() | {"linux": linux})]


def test_the_config_schema_takes_good_values_of_rare_objects(jsonschema):
    linux = {
        "seccomp": SECCOMP | {
            "architectures": ["SCMP_ARCH_X86_64"], "flags": ["SECCOMP_FILTER_FLAG_LOG"], "listenerPath": "/s",
            "listenerMetadata": "x", "syscalls": [RULE | {"args": [EQUAL]}, RULE],
        },
        "intelRdt": {"closID": "/", "schemata": ["L3:0=f", "MB:0=20"], "enableMonitoring": True},
        "netDevices": {"eth0": {"name": "container_eth0"}, "ens4": {}},
        "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0-1,3", "flags": ["MPOL_F_STATIC_NODES"]},
    }  # fmt: skip
    assert schema_problems("config", default() | {"linux": linux}) == []


@pytest.mark.parametrize("words", [["--format", "xml"], ["--schema", "image", "x"], ["--schema", "state"]])
def test_validate_refuses_a_wrong_flag(words):
    with pytest.raises(UsageError):
        run(*words)


def test_validate_says_what_to_install_when_jsonschema_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    with pytest.raises(OcipyError, match="apt install python3-jsonschema") as caught:
        run(write(tmp_path / "config.json", default()))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("package", "schemas"),
    [
        ("checkout/ocipy", "checkout/schemas"),
        ("usr/lib/python3/dist-packages/ocipy", "usr/share/ocipy/schemas"),
        ("venv/lib/python3.11/site-packages/ocipy", "venv/share/ocipy/schemas"),
        ("target/ocipy", "target/share/ocipy/schemas"),
    ],
)
def test_schema_directory_is_found_in_a_checkout_and_when_installed(package, schemas, tmp_path):
    (tmp_path / package).mkdir(parents=True)
    (tmp_path / schemas).mkdir(parents=True)
    (tmp_path / schemas / "config.schema.json").touch()
    assert schema_directory(str(tmp_path / package)) == str(tmp_path / schemas)


def test_schema_directory_says_where_it_looked(tmp_path):
    with pytest.raises(OcipyError, match=str(tmp_path)):
        schema_directory(str(tmp_path / "ocipy"))
