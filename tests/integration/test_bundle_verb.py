"""`ocipy bundle`: what it makes runs."""

import json
import os
import subprocess

import pytest

LAUNCHER = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + "/ocipy/bin/ocipy"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")


def bundle(*words, status=0, **options):
    result = subprocess.run([LAUNCHER, "bundle", *words], capture_output=True, text=True, env={}, **options)
    assert result.returncode == status, result.stderr
    return result


def run_inside(directory, *command):
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    return subprocess.run(["/usr/sbin/chroot", f"{directory}/rootfs", *command], env=environment,
                          capture_output=True, text=True)


@needs_root
@pytest.mark.parametrize("options", [(), ("--no-busybox",)])
def test_tools_run_inside_of_the_bundle(tmp_path, options):
    bundle(*options, f"{tmp_path}/b")
    result = run_inside(f"{tmp_path}/b", "sh", "-c", "ls -d /etc/passwd && id -un && cat /etc/hostname")
    assert (result.stdout, result.stderr) == ("/etc/passwd\nroot\nocipy\n", "")


@needs_root
def test_given_program_runs_with_its_libraries(tmp_path):
    bundle("--no-busybox", "-x", "/usr/bin/python3", "-f", os.path.dirname(os.__file__), f"{tmp_path}/b")
    result = run_inside(f"{tmp_path}/b", "/usr/bin/python3", "-c", "import json, zlib; print(json.dumps([1]))")
    assert (result.stdout, result.stderr) == ("[1]\n", "")


@needs_root
def test_made_bundle_runs_as_a_container(tmp_path):
    bundle("--args", "sh -c 'echo from $(hostname)'", f"{tmp_path}/b")
    name = f"bundle-{os.getpid()}"
    result = subprocess.run([LAUNCHER, "--root", f"{tmp_path}/state", "run", "--bundle", f"{tmp_path}/b", name],
                            capture_output=True, text=True, stdin=subprocess.DEVNULL, env={})
    assert (result.returncode, result.stdout, result.stderr) == (0, "from ocipy\n", "")


def test_command_line_is_split_as_a_shell_does(tmp_path):
    bundle("--terminal", "--args", "sh -c 'echo a'", f"{tmp_path}/b")
    process = json.loads((tmp_path / "b/config.json").read_text())["process"]
    assert process["args"] == ["sh", "-c", "echo a"]
    assert process["terminal"] is True


def test_report_tells_what_was_copied_and_what_comes_next(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d/one").write_text("1")
    (tmp_path / "d/two").write_text("2")
    output = bundle("-f", f"{tmp_path}/d:/opt", "--no-busybox", f"{tmp_path}/a b").stdout.splitlines()
    paths = [line.split()[-1] for line in output]
    assert "/opt/*" in paths
    assert os.path.realpath("/bin/sh") in paths
    assert " in all: files: " in output[-2]
    assert output[-1] == f"next: ocipy run --bundle '{tmp_path}/a b' NAME"


def test_bundle_is_valid(tmp_path):
    bundle(f"{tmp_path}/b")
    subprocess.run([LAUNCHER, "validate", "--bundle", f"{tmp_path}/b"], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(("words", "message"), [
    (["-x", "nope"], "nope: no such binary on PATH"),
    (["-x", "/nope"], "/nope: no such binary"),
    (["-f", "a:b"], "invalid value 'a:b' for -file: SRC or SRC:/DST is needed"),
    (["--args", ""], "invalid value '' for -args: a command is needed"),
    (["--args", "'"], 'invalid value "\'" for -args: No closing quotation'),
])
def test_mistake_is_told_in_one_line_and_leaves_nothing(tmp_path, words, message):
    error = bundle(*words, f"{tmp_path}/b", status=1).stderr
    assert message in error
    assert error.count("\n") == 1
    assert os.listdir(tmp_path) == []
