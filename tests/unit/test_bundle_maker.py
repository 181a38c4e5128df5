"""Programs and their libraries, taken from the host into a bundle."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from ocipy.errors import OcipyError
from ocipy.runtime.bundle_maker import PATH, Recipe, add_binary, find_binary, make_bundle
from ocipy.runtime.bundle_tree import Tree, resolve
from ocipy.runtime.elf import dependencies, read_elf

HOST = read_elf(sys.executable).machine
X86_64, AARCH64, I386 = 62, 183, 3
HOST_MACHINE = {"x86_64 (64-bit)": X86_64, "aarch64 (64-bit)": AARCH64}[HOST]


def write_elf(path, *, needed=(), runpath="", rpath="", machine=HOST_MACHINE, wide=True, interpreter=""):
    """Writes a file that has the headers of an ELF program, and no code."""
    strings, entries = b"\0", []
    for tag, text in [*((1, name) for name in needed), (29, runpath), (15, rpath)]:
        if text:
            entries.append((tag, len(strings)))
            strings += str(text).encode() + b"\0"
    word, pair = ("Q", "QQ") if wide else ("I", "II")
    base = 0x400000
    head = (64 + 3 * 56) if wide else (52 + 3 * 32)
    loader = interpreter.encode() + b"\0"
    dynamic = b"".join(struct.pack("<" + pair, *entry)
                       for entry in [*entries, (5, base + head + len(loader)), (0, 0)])
    size = head + len(loader) + len(strings) + len(dynamic)
    segments = [(1, 0, size), (2, head + len(loader) + len(strings), len(dynamic)),
                (3 if interpreter else 0, head, len(loader))]
    image = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + bytes(9) + struct.pack("<HHI", 3, machine, 1)
    image += struct.pack(f"<3{word}", 0, 64 if wide else 52, 0)
    image += struct.pack("<I6H", 0, 64 if wide else 52, 56 if wide else 32, 3, 0, 0, 0)
    for kind, offset, length in segments:
        if wide:
            image += struct.pack("<IIQQQQQQ", kind, 0, offset, base + offset, 0, length, length, 1)
        else:
            image += struct.pack("<IIIIIIII", kind, offset, base + offset, 0, length, length, 0, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(image + loader + strings + dynamic)
    path.chmod(0o755)
    return str(path)


def write_script(path, text):
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "rootfs").mkdir()
    return Tree(f"{tmp_path}/rootfs")


def listing(directory):
    return sorted(os.path.relpath(os.path.join(place, name), directory)
                  for place, directories, files in os.walk(directory) for name in directories + files)


# ELF files


@pytest.mark.parametrize("program", ["/bin/sh", "/usr/bin/python3", "/bin/ls", "/bin/mount"])
def test_dependencies_are_those_that_the_loader_loads(program):
    loader = read_elf(program).interpreter
    lines = subprocess.check_output([loader, "--list", program], text=True).splitlines()
    loaded = {word for line in lines for word in line.split() if word.startswith("/")}
    assert {os.path.realpath(path) for path in dependencies(program)} == {os.path.realpath(path) for path in loaded}


def test_static_program_needs_nothing(tmp_path):
    assert dependencies(write_elf(tmp_path / "static")) == []


def test_headers_of_32_bit_files_are_read(tmp_path):
    elf = read_elf(write_elf(tmp_path / "x", needed=["liba.so"], runpath="/r", machine=I386, wide=False,
                             interpreter="/lib/ld-linux.so.2"))
    assert (elf.machine, elf.interpreter, elf.needed, elf.runpath) == (
        "i386 (32-bit)", "/lib/ld-linux.so.2", ("liba.so",), ("/r",))


def test_a_file_without_the_magic_is_no_elf_file():
    assert read_elf(__file__) is None


@pytest.mark.parametrize("length", [4, 5, 20, 63, 100, 200])
def test_cut_elf_file_is_refused(tmp_path, length):
    path = tmp_path / "cut"
    with open("/bin/sh", "rb") as whole:
        path.write_bytes(whole.read(length))
    with pytest.raises(OcipyError, match=f"^{path}: damaged ELF file$"):
        read_elf(str(path))


def test_missing_library_is_named_with_the_file_that_needs_it(tmp_path):
    program = write_elf(tmp_path / "x", needed=["libnowhere.so.1"])
    with pytest.raises(OcipyError, match=f"^libnowhere.so.1, needed by {program}, not found$"):
        dependencies(program)


def test_missing_loader_is_named(tmp_path):
    program = write_elf(tmp_path / "x", interpreter="/lib/ld-nowhere.so")
    with pytest.raises(OcipyError, match="^/lib/ld-nowhere.so, the loader of .*, not found$"):
        dependencies(program)


@pytest.mark.parametrize("origin", ["$ORIGIN", "${ORIGIN}"])
def test_runpath_is_relative_to_the_file_that_names_it(tmp_path, origin):
    library = write_elf(tmp_path / "lib/liba.so")
    program = write_elf(tmp_path / "bin/x", needed=["liba.so"], runpath=f"{origin}/../lib")
    os.symlink(program, tmp_path / "link")
    assert dependencies(str(tmp_path / "link")) == [library]


def test_rpath_serves_the_libraries_of_libraries_and_runpath_does_not(tmp_path):
    libraries = [write_elf(tmp_path / "lib/liba.so", needed=["libb.so"]), write_elf(tmp_path / "lib/libb.so")]
    assert dependencies(write_elf(tmp_path / "x", needed=["liba.so"], rpath=tmp_path / "lib")) == libraries
    with pytest.raises(OcipyError, match=f"^libb.so, needed by {libraries[0]}, not found"):
        dependencies(write_elf(tmp_path / "y", needed=["liba.so"], runpath=tmp_path / "lib"))


def test_runpath_puts_the_rpath_of_the_same_file_out_of_force(tmp_path):
    write_elf(tmp_path / "old/liba.so")
    program = write_elf(tmp_path / "x", needed=["liba.so"], rpath=tmp_path / "old", runpath=tmp_path / "new")
    with pytest.raises(OcipyError, match=r"^liba\.so, needed by .*, not found$"):
        dependencies(program)
    library = write_elf(tmp_path / "new/liba.so", needed=["libb.so"])
    write_elf(tmp_path / "old/libb.so")
    with pytest.raises(OcipyError, match=f"^libb.so, needed by {library}, not found$"):
        dependencies(program)


def test_library_for_another_machine_is_passed_over(tmp_path):
    other = AARCH64 if HOST_MACHINE == X86_64 else X86_64
    write_elf(tmp_path / "first/liba.so", machine=other)
    (tmp_path / "text").mkdir()
    (tmp_path / "text/liba.so").write_text("INPUT(-lc)")
    library = write_elf(tmp_path / "last/liba.so")
    program = write_elf(tmp_path / "x", needed=["liba.so"],
                        runpath=f"{tmp_path}/first:{tmp_path}/text:{tmp_path}/last")
    assert dependencies(program) == [library]


def test_libraries_that_need_each_other_are_given_once(tmp_path):
    libraries = [write_elf(tmp_path / "liba.so", needed=["libb.so"], runpath="$ORIGIN"),
                 write_elf(tmp_path / "libb.so", needed=["liba.so"], runpath="$ORIGIN")]
    assert dependencies(write_elf(tmp_path / "x", needed=["liba.so"], runpath="$ORIGIN")) == libraries


# The tree


def test_resolve_keeps_an_absolute_link_inside_of_the_root(tmp_path):
    (tmp_path / "etc").mkdir()
    os.symlink("/etc", tmp_path / "link")
    os.symlink("../../../link", tmp_path / "up")
    assert resolve(str(tmp_path), "/up/passwd")[0] == "/etc/passwd"
    assert resolve(str(tmp_path), "/../../x")[0] == "/x"


def test_resolve_refuses_a_loop(tmp_path):
    os.symlink("b", tmp_path / "a")
    os.symlink("a", tmp_path / "b")
    with pytest.raises(OcipyError, match="^/a: too many levels of symbolic links$"):
        resolve(str(tmp_path), "/a")


def test_mirror_keeps_links_and_copies_the_file_once(tmp_path, tree):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/liba.so.1.2").write_bytes(b"12345")
    os.symlink("liba.so.1.2", tmp_path / "lib/liba.so.1")
    os.symlink(f"{tmp_path}/lib", tmp_path / "lib64")
    tree.mirror(f"{tmp_path}/lib64/liba.so.1")
    tree.mirror(f"{tmp_path}/lib/liba.so.1.2")
    assert tree.files == {f"{tmp_path}/lib/liba.so.1.2": 5}
    inside = f"{tree.root}{tmp_path}"
    assert os.readlink(f"{inside}/lib64") == f"{tmp_path}/lib"
    assert os.readlink(f"{inside}/lib/liba.so.1") == "liba.so.1.2"
    assert os.path.getsize(f"{inside}/lib/liba.so.1.2") == 5


def test_copy_leaves_set_user_id_behind(tmp_path, tree):
    (tmp_path / "su").touch()
    (tmp_path / "su").chmod(0o4755)
    tree.copy(f"{tmp_path}/su", "/su")
    assert os.stat(f"{tree.root}/su").st_mode & 0o7777 == 0o755


def test_copy_replaces_a_link_and_not_what_it_leads_to(tmp_path, tree):
    tree.text("/bin/busybox", "all")
    tree.link("/bin/ls", "busybox")
    (tmp_path / "ls").write_text("one")
    tree.copy(f"{tmp_path}/ls", "/bin/ls")
    assert (tmp_path / "rootfs/bin/busybox").read_text() == "all"
    assert (tmp_path / "rootfs/bin/ls").read_text() == "one"


def test_copy_writes_nothing_through_a_link_that_leads_out(tmp_path, tree):
    (tmp_path / "outside").mkdir()
    (tmp_path / "new").write_text("new")
    tree.link("/out", f"{tmp_path}/outside")
    tree.copy(f"{tmp_path}/new", "/out/file")
    assert listing(tmp_path / "outside") == []
    assert os.path.exists(f"{tree.root}{tmp_path}/outside/file")


def test_directories_are_open_to_all_whatever_the_umask(tree):
    before = os.umask(0o077)
    try:
        tree.text("/a/b/c", "")
    finally:
        os.umask(before)
    modes = [os.stat(f"{tree.root}{path}").st_mode & 0o777 for path in ("/a", "/a/b", "/a/b/c")]
    assert modes == [0o755, 0o755, 0o644]


def test_copy_tree_refuses_a_fifo(tmp_path, tree):
    (tmp_path / "source").mkdir()
    os.mkfifo(tmp_path / "source/fifo")
    with pytest.raises(OcipyError, match="/source/fifo: neither a file, nor a directory, nor a symbolic link$"):
        tree.copy_tree(f"{tmp_path}/source", "/x")


# Programs


def test_name_is_looked_up_in_the_standard_directories_alone(tmp_path, monkeypatch):
    write_script(tmp_path / "mine", "#!/bin/sh\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert os.path.dirname(find_binary("sh")) in PATH
    with pytest.raises(OcipyError, match=r"^mine: no such binary on PATH \(looked in /usr/local/sbin:"):
        find_binary("mine")


def test_path_that_cannot_be_run_is_refused(tmp_path):
    (tmp_path / "data").touch(0o644)
    for path, text in [("/nope", "no such binary"), ("/etc", "not a file"), (f"{tmp_path}/data", "not executable")]:
        with pytest.raises(OcipyError, match=f"^{path}: {text}$"):
            find_binary(path)


def test_program_for_another_machine_is_refused(tmp_path, tree):
    other, name = (AARCH64, "aarch64") if HOST_MACHINE == X86_64 else (X86_64, "x86_64")
    program = write_elf(tmp_path / "x", machine=other)
    with pytest.raises(OcipyError) as caught:
        add_binary(tree, program)
    assert str(caught.value) == f"{program}: made for {name} (64-bit), this machine is {HOST}"
    assert tree.files == {}


@pytest.mark.skipif(HOST_MACHINE != X86_64, reason="the kernel of x86_64 runs i386 programs too")
def test_32_bit_program_of_the_same_family_is_taken(tmp_path, tree):
    program = write_elf(tmp_path / "x", machine=I386, wide=False)
    add_binary(tree, program)
    assert list(tree.files) == [program]


@pytest.mark.skipif(not os.path.exists("/etc/ld.so.cache"), reason="no cache on this host")
def test_library_outside_of_the_standard_directories_brings_the_cache_of_the_loader(tmp_path, tree):
    """In the container, ld.so finds a library of /etc/ld.so.conf through it alone."""
    add_binary(tree, "/bin/sh")
    assert "/etc/ld.so.cache" not in tree.files
    write_elf(tmp_path / "liba.so")
    add_binary(tree, write_elf(tmp_path / "x", needed=["liba.so"], runpath="$ORIGIN"))
    assert "/etc/ld.so.cache" in tree.files


def test_script_brings_its_interpreter(tmp_path, tree):
    script = write_script(tmp_path / "x", "#! /bin/sh -e\n")
    add_binary(tree, script)
    assert {script, os.path.realpath("/bin/sh")} <= set(tree.files)


def test_script_of_env_brings_the_program_that_env_looks_for(tmp_path, tree):
    add_binary(tree, write_script(tmp_path / "x", "#!/usr/bin/env -S A=b sh -e\n"))
    assert {os.path.realpath("/usr/bin/env"), os.path.realpath("/bin/sh")} <= set(tree.files)


@pytest.mark.parametrize(("text", "message"), [
    ("#!/nope/sh\n", "/nope/sh, the interpreter of {}, not found"),
    ("#!sh\n", "sh, the interpreter of {}, not found"),
    ("#!\n", "the empty path, the interpreter of {}, not found"),
    ("echo\n", "{}: neither an ELF program nor a script that names its interpreter"),
])
def test_script_without_its_interpreter_is_refused(tmp_path, tree, text, message):
    script = write_script(tmp_path / "x", text)
    with pytest.raises(OcipyError) as caught:
        add_binary(tree, script)
    assert str(caught.value) == message.format(script)


def test_script_that_is_its_own_interpreter_ends(tmp_path, tree):
    script = write_script(tmp_path / "x", f"#!{tmp_path}/x\n")
    add_binary(tree, script)
    assert list(tree.files) == [script]


# The bundle


@pytest.fixture(scope="module")
def host_bundle(tmp_path_factory):
    directory = tmp_path_factory.mktemp("host") / "bundle"
    make_bundle(str(directory), Recipe(busybox=False, args=("ls", "-l")))
    return directory


def test_links_of_the_host_root_are_in_the_bundle(host_bundle):
    for name in ("bin", "sbin", "lib", "lib64"):
        if os.path.islink(f"/{name}"):
            assert os.readlink(host_bundle / "rootfs" / name) == os.readlink(f"/{name}")
        elif name != "lib64":
            assert (host_bundle / "rootfs" / name).is_dir()


def test_mount_points_are_there(host_bundle):
    for path in ("proc", "sys", "dev/pts", "dev/shm", "run", "var", "home"):
        assert (host_bundle / "rootfs" / path).is_dir()
    assert (host_bundle / "rootfs/tmp").stat().st_mode & 0o7777 == 0o1777
    assert (host_bundle / "rootfs/root").stat().st_mode & 0o7777 == 0o700


def test_config_runs_the_command_without_terminal_on_a_writable_root(host_bundle):
    config = json.loads((host_bundle / "config.json").read_text())
    assert config["process"]["args"] == ["ls", "-l"]
    assert config["process"]["terminal"] is False
    assert config["root"] == {"path": "rootfs", "readonly": False}
    assert (host_bundle / "rootfs/etc/hostname").read_text() == config["hostname"] + "\n"


def test_terminal_is_set_on_request(tmp_path):
    make_bundle(f"{tmp_path}/b", Recipe(terminal=True))
    assert json.loads((tmp_path / "b/config.json").read_text())["process"]["terminal"] is True


@pytest.mark.skipif(not os.path.exists("/bin/busybox"), reason="no busybox on this host")
def test_busybox_gives_its_applets_but_not_over_a_given_program(tmp_path):
    make_bundle(f"{tmp_path}/b", Recipe(binaries=("/bin/ls",)))
    programs = tmp_path / "b/rootfs" / os.path.realpath("/bin").lstrip("/")
    assert os.readlink(programs / "cat") == "busybox"
    assert (programs / "ls").read_bytes() == Path("/bin/ls").read_bytes()


def test_empty_directory_is_used(tmp_path):
    make_bundle(str(tmp_path), Recipe())
    assert sorted(os.listdir(tmp_path)) == ["config.json", "rootfs"]


def test_directory_with_something_in_it_is_refused_and_kept(tmp_path):
    (tmp_path / "mine").touch()
    with pytest.raises(OcipyError, match=f"^{tmp_path}: not empty"):
        make_bundle(str(tmp_path), Recipe())
    assert os.listdir(tmp_path) == ["mine"]


@pytest.mark.parametrize("recipe", [
    Recipe(binaries=("/nope",)), Recipe(files=(("/nope", "/x"),)), Recipe(files=(("/dev/null", "/x"),)),
    Recipe(args=("nope",)), Recipe(args=("/etc/passwd",)), Recipe(args=("/etc",)),
])
def test_failure_leaves_nothing_behind(tmp_path, recipe):
    (tmp_path / "empty").mkdir()
    for name in ("missing", "empty"):
        with pytest.raises(OcipyError):
            make_bundle(f"{tmp_path}/{name}", recipe)
    assert listing(tmp_path) == ["empty"]


def test_command_that_is_not_in_the_bundle_is_named(tmp_path):
    with pytest.raises(OcipyError) as caught:
        make_bundle(f"{tmp_path}/b", Recipe(args=("nope", "-x")))
    assert str(caught.value) == "process.args[0]: nope: not in the bundle (add it with --binary)"


def test_files_are_put_at_their_destination(tmp_path):
    (tmp_path / "d/sub").mkdir(parents=True)
    (tmp_path / "d/sub/f").write_text("f")
    os.symlink("/etc/passwd", tmp_path / "d/link")
    tree = make_bundle(f"{tmp_path}/b", Recipe(files=(
        (f"{tmp_path}/d", "/opt/d"), (f"{tmp_path}/d/sub/f", "/etc/hosts"), (f"{tmp_path}/d/sub/f", "/opt/into/"),
        (f"{tmp_path}/d/sub/f", "/bin"),
    )))
    root = tmp_path / "b/rootfs"
    assert (root / "opt/d/sub/f").read_text() == "f"
    assert os.readlink(root / "opt/d/link") == "/etc/passwd"
    assert (root / "etc/hosts").read_text() == "f"
    assert (root / "opt/into/f").read_text() == "f"
    assert (root / "bin/f").read_text() == "f"
    assert tree.trees == ["/opt/d"]


def test_directory_that_holds_the_bundle_is_refused(tmp_path):
    with pytest.raises(OcipyError, match=f"^{tmp_path}: holds the bundle itself$"):
        make_bundle(f"{tmp_path}/b", Recipe(files=((str(tmp_path), "/x"),)))
