"""Compiled filters are kept, bounded in number, and trusted only when nobody else could have written them."""

import os

import pytest

from ocipy.errors import OcipyError
from ocipy.runtime import seccomp, seccomp_cache
from ocipy.runtime.log import Log
from ocipy.runtime.store import Store, check_id

PROFILE = ("SCMP_ACT_ALLOW", 0, (), ((("umask",), "SCMP_ACT_ERRNO", 5, ()),))


@pytest.fixture
def compiled(monkeypatch):
    """The profiles that were really compiled."""
    try:
        seccomp.load_library()
    except OcipyError as error:
        pytest.skip(str(error))
    made = []
    real = seccomp.compile_profile
    monkeypatch.setattr(seccomp, "compile_profile", lambda library, profile, log: (
        made.append(profile), real(library, profile, log))[1])
    return made


def program(root, profile=PROFILE):
    return seccomp_cache.program(str(root), profile, Log())


def file_of(root, profile=PROFILE):
    return root / seccomp_cache.DIRECTORY / seccomp_cache.key(profile)


def test_a_profile_is_compiled_once(tmp_path, compiled):
    assert program(tmp_path) == program(tmp_path) != b""
    assert len(compiled) == 1


def test_another_profile_is_another_filter(tmp_path, compiled):
    other = ("SCMP_ACT_ALLOW", 0, (), ((("umask",), "SCMP_ACT_ERRNO", 6, ()),))
    assert program(tmp_path) != program(tmp_path, other)
    assert program(tmp_path) != program(tmp_path, other)
    assert len(compiled) == 2


@pytest.mark.parametrize("damage", [
    lambda data: b"", lambda data: data[:-1], lambda data: data[:20], lambda data: data + b"\0" * 8,
    lambda data: data[:-8] + b"\x06\0\0\0\0\0\xff\x7f", lambda data: bytes([data[0] ^ 1]) + data[1:],
])
def test_a_damaged_file_is_compiled_anew(tmp_path, compiled, damage):
    good = program(tmp_path)
    file_of(tmp_path).write_bytes(damage(file_of(tmp_path).read_bytes()))
    assert program(tmp_path) == program(tmp_path) == good
    assert len(compiled) == 2


def test_the_filter_of_one_profile_under_the_name_of_another_is_not_taken(tmp_path, compiled):
    other = ("SCMP_ACT_ALLOW", 0, (), ())
    program(tmp_path, other)
    good = program(tmp_path)
    file_of(tmp_path).write_bytes(file_of(tmp_path, other).read_bytes())
    assert program(tmp_path) == good


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_not_trusted(tmp_path, compiled, mode):
    good = program(tmp_path)
    file_of(tmp_path).chmod(mode)
    assert program(tmp_path) == good
    assert len(compiled) == 2
    assert file_of(tmp_path).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_directory_that_others_may_write_is_neither_read_nor_written(tmp_path, compiled, mode):
    good = program(tmp_path)
    before = file_of(tmp_path).stat().st_mtime_ns
    file_of(tmp_path).parent.chmod(mode)
    assert program(tmp_path) == good
    assert len(compiled) == 2
    assert file_of(tmp_path).stat().st_mtime_ns == before


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give files away")
@pytest.mark.parametrize("what", ["file", "directory"])
def test_what_belongs_to_another_user_is_not_trusted(tmp_path, compiled, what):
    good = program(tmp_path)
    os.chown(file_of(tmp_path) if what == "file" else file_of(tmp_path).parent, 12345, -1)
    assert program(tmp_path) == good
    assert len(compiled) == 2


@pytest.mark.parametrize("what", ["file", "directory"])
def test_a_symbolic_link_is_not_followed(tmp_path, compiled, what):
    good = program(tmp_path)
    place = file_of(tmp_path) if what == "file" else file_of(tmp_path).parent
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    assert program(tmp_path) == good
    assert len(compiled) == 2


def test_a_fifo_does_not_hang(tmp_path, compiled):
    program(tmp_path)
    file_of(tmp_path).unlink()
    os.mkfifo(file_of(tmp_path), 0o600)
    assert program(tmp_path)


def test_another_libseccomp_makes_what_is_kept_void(tmp_path, compiled, monkeypatch):
    library = tmp_path / "libseccomp.so.2.9"
    library.write_bytes(b"1")
    monkeypatch.setattr(seccomp.libseccomp.Library, "file", lambda self: str(library))
    program(tmp_path)
    program(tmp_path)
    assert len(compiled) == 1
    library.write_bytes(b"22")
    program(tmp_path)
    assert len(compiled) == 2
    library.unlink()
    program(tmp_path)
    assert len(compiled) == 3


def test_the_number_of_files_is_bounded_and_the_oldest_go(tmp_path, compiled):
    profiles = [("SCMP_ACT_ALLOW", 0, (), ((("umask",), "SCMP_ACT_ERRNO", number, ()),)) for number in range(1, 71)]
    for age, profile in enumerate(profiles):
        program(tmp_path, profile)
        os.utime(file_of(tmp_path, profile), ns=(0, age * 10**9))
    assert len(os.listdir(file_of(tmp_path).parent)) == seccomp_cache.MOST_FILES
    assert file_of(tmp_path, profiles[-1]).exists()
    assert not file_of(tmp_path, profiles[0]).exists()


def test_a_directory_that_cannot_be_made_is_no_failure(tmp_path, compiled):
    (tmp_path / seccomp_cache.DIRECTORY).write_text("in the way")
    assert program(tmp_path)


def test_nothing_half_written_is_left(tmp_path, compiled):
    program(tmp_path)
    assert os.listdir(file_of(tmp_path).parent) == [seccomp_cache.key(PROFILE)]


def test_the_directory_is_no_container(tmp_path, compiled):
    program(tmp_path)
    (tmp_path / "one").mkdir()
    assert Store(str(tmp_path)).ids() == ["one"]
    with pytest.raises(OcipyError):
        check_id(seccomp_cache.DIRECTORY)


def test_the_name_depends_on_each_part_of_the_profile():
    names = {seccomp_cache.key(profile) for profile in (
        PROFILE,
        ("SCMP_ACT_LOG", *PROFILE[1:]),
        ("SCMP_ACT_ALLOW", 1, *PROFILE[2:]),
        ("SCMP_ACT_ALLOW", 0, ("SCMP_ARCH_X86",), PROFILE[3]),
        ("SCMP_ACT_ALLOW", 0, (), ()),
        ("SCMP_ACT_ALLOW", 0, (), ((("umask",), "SCMP_ACT_ERRNO", 5, ((0, "SCMP_CMP_EQ", 1, 0),)),)),
    )}  # fmt: skip
    assert len(names) == 6


def test_the_name_does_not_depend_on_how_the_profile_lies_in_memory():
    copy = eval(repr(PROFILE))
    assert seccomp_cache.key(copy) == seccomp_cache.key(PROFILE)
