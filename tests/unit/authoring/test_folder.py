"""A new folder is there as a whole or not at all, and nothing that is there is touched."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from huracan.authoring import folder as module
from huracan.authoring.folder import write_folder
from huracan.errors import TryAgainError, UsageError

FILES = {"README.md": "read me\n", "src/mine/__init__.py": ""}


def test_every_file_is_written_and_nothing_else_is_left(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_folder(tmp_path / "new", FILES)
    finally:
        os.umask(before)
    assert (tmp_path / "new" / "README.md").read_text("utf-8") == "read me\n"
    assert (tmp_path / "new" / "src" / "mine" / "__init__.py").read_text("utf-8") == ""
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o750


def test_what_is_there_is_left_alone_be_it_empty_or_a_link_to_nowhere(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("precious", "utf-8")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("empty", "file", "link"):
        with pytest.raises(UsageError, match=f"{name} is there already and is left alone"):
            write_folder(tmp_path / name, FILES)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file", "link"]
    assert (tmp_path / "file").read_text("utf-8") == "precious"


def test_a_folder_that_somebody_makes_meanwhile_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Path.rename

    def late(self: Path, target: Path) -> Path:
        target.mkdir()
        (target / "theirs").touch()
        return whole(self, target)

    monkeypatch.setattr(Path, "rename", late)
    with pytest.raises(UsageError, match="cannot be written: Directory not empty"):
        write_folder(tmp_path / "new", FILES)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["theirs"]
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, TryAgainError), (errno.EROFS, UsageError)], ids=["full", "read-only"]
)
def test_a_write_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception]
) -> None:
    def fail(self: Path, *_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "write_text", fail)
    with pytest.raises(kind, match=f"new cannot be written: {os.strerror(number)}; "):
        write_folder(tmp_path / "new", FILES)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_none_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be written: No such file or directory; choose another"):
        write_folder(tmp_path / "gone" / "new", FILES)


def test_ctrl_c_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: Path) -> None:
        raise KeyboardInterrupt

    def second(folder: Path, asked: list[int] = []) -> None:  # noqa: B006 - counts its calls
        asked.append(1)
        if len(asked) == 2:
            interrupted(folder)

    monkeypatch.setattr(module, "refuse_existing", second)
    with pytest.raises(KeyboardInterrupt):
        write_folder(tmp_path / "new", FILES)
    assert list(tmp_path.iterdir()) == []
