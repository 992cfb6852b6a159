"""Checkpoint files and atomic writes: whole or not at all."""

import errno
import os

import pytest
import torch

from zandloper.errors import FileError
from zandloper.io.atomic import atomic_path
from zandloper.io.state_file import read_state, write_errors, write_state


def failing(code):
    """Stands for a call that the system refuses."""

    def fail(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    return fail


def test_states_come_back(tmp_path):
    tensors = {"a/b": torch.arange(6.0).reshape(2, 3).T, "c": torch.tensor(3), "d": torch.zeros(0)}
    about = {"x": [1, None, "ü"], "y": {"z": 0.1}}
    write_state(tmp_path / "new" / "s", tensors, about)
    back, said = read_state(tmp_path / "new" / "s")
    assert said == about and back.keys() == tensors.keys() and all(torch.equal(back[k], tensors[k]) for k in back)
    write_state(tmp_path / "new" / "s", {}, {"other": 1})
    assert read_state(tmp_path / "new" / "s") == ({}, {"other": 1})
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["s"]


@pytest.mark.parametrize("step", ["save_file", "os.fsync"])
def test_states_are_written_whole_or_not_at_all(tmp_path, monkeypatch, step):
    write_state(tmp_path / "s", {"a": torch.ones(2)}, {"n": 1})
    monkeypatch.setattr(f"zandloper.io.state_file.{step}", failing(errno.ENOSPC))
    with pytest.raises(FileError, match="the disk is full"):
        write_state(tmp_path / "s", {"a": torch.zeros(2)}, {"n": 2})
    assert read_state(tmp_path / "s")[1] == {"n": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


def test_files_are_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "x.txt"
    with write_errors(path), atomic_path(path) as temporary:
        temporary.write_text("one")
    with (
        pytest.raises(FileError, match=f"could not write {path}: the disk is full; nothing was changed there"),
        write_errors(path),
        atomic_path(path) as temporary,
    ):
        temporary.write_text("two")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert path.read_text() == "one" and [p.name for p in tmp_path.iterdir()] == ["x.txt"]
