"""The interpreter of an ordinary user, copied to memory and sealed."""

import os

import pytest

from ocipy.linux import sealed_copy


def test_copy_has_the_content_and_can_be_executed_and_not_written(tmp_path):
    source = tmp_path / "file"
    source.write_bytes(os.urandom(100_000))
    copy = sealed_copy.seal(str(source))
    assert os.pread(copy, 200_000, 0) == source.read_bytes()
    assert os.fstat(copy).st_mode & 0o777 == 0o500
    for change in (lambda: os.write(copy, b"x"), lambda: os.truncate(copy, 0), lambda: os.truncate(copy, 1 << 20)):
        with pytest.raises(PermissionError):
            change()
    os.close(copy)


def test_only_such_a_copy_is_sealed(tmp_path):
    file = tmp_path / "file"
    file.write_text("x")
    assert not sealed_copy.is_sealed(str(file))
    plain = os.memfd_create("plain")
    copy = sealed_copy.seal(str(file))
    assert not sealed_copy.is_sealed(f"/proc/self/fd/{plain}")
    assert sealed_copy.is_sealed(f"/proc/self/fd/{copy}")
    os.close(plain)
    os.close(copy)
