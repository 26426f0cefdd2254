"""A segment appears whole under its name or not at all, whatever ends its writing."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest

from epochal.errors import InvalidInput, StorageFull
from epochal.store.durable import Disk
from epochal.store.segment import verify, write_segment
from tests.store.arrays import group_of


@pytest.mark.parametrize("nothing", [[], [group_of({"v": np.empty(0)})]])
def test_an_empty_segment_is_not_written(tmp_path, nothing):
    """A file without rows would mean nothing."""
    with pytest.raises(InvalidInput, match="at least one row"):
        write_segment(tmp_path / "a.eps", nothing)
    assert list(tmp_path.iterdir()) == []


class FailingDisk(Disk):
    """A disk whose n-th call fails."""

    def __init__(self, fail_at, code):
        self.calls = 0
        self.fail_at = fail_at
        self.code = code

    def _count(self):
        self.calls += 1
        if self.calls == self.fail_at:
            raise OSError(self.code, os.strerror(self.code))

    def create(self, path):
        self._count()
        return super().create(path)

    def write(self, descriptor, data):
        self._count()
        return super().write(descriptor, data[: max(1, len(data) // 2)])

    def sync(self, descriptor):
        self._count()
        super().sync(descriptor)

    def rename(self, source, target):
        self._count()
        super().rename(source, target)

    def sync_directory(self, path):
        self._count()
        super().sync_directory(path)


@pytest.mark.parametrize("code, error", [(errno.EIO, OSError), (errno.ENOSPC, StorageFull)])
@pytest.mark.parametrize("existing", [None, b"the old one"])
def test_whichever_call_fails_no_half_file_has_the_name(tmp_path, code, error, existing):
    """Create, every write, sync, rename, directory sync: the name is untouched or whole."""
    path = tmp_path / "a.eps"
    group = group_of({f"k{i}": np.arange(1100.0) * i for i in range(3)})
    counter = FailingDisk(0, code)
    write_segment(path, [group], disk=counter)
    assert counter.calls > 20
    for fail_at in range(1, counter.calls + 1):
        path.unlink()
        if existing is not None:
            path.write_bytes(existing)
        with pytest.raises(error):
            write_segment(path, [group], disk=FailingDisk(fail_at, code))
        if fail_at == counter.calls:  # named already; only its durability is unknown
            assert verify(path) == []
        elif existing is None:
            assert not path.exists()
        else:
            assert path.read_bytes() == existing
        assert [entry.name for entry in tmp_path.iterdir() if entry.name != path.name] == []
        path.write_bytes(b"")


def test_what_a_killed_process_leaves_has_another_name(tmp_path):
    """Without any clean-up the half file is a hidden temporary one that nobody reads."""
    path = tmp_path / "a.eps"

    class Killed(Disk):
        def write(self, descriptor, data):
            os._exit(9)

    child = os.fork()
    if child == 0:
        write_segment(path, [group_of({"v": np.arange(10.0)})], disk=Killed())
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 9
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".a.eps.")
    assert left.name.endswith(".tmp")
