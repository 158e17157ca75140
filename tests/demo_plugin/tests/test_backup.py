from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from huracan.context import Context

from huracan_stranger.backup import collect, restore
from huracan_stranger.place import own_folder


def test_what_is_collected_comes_back_in_another_installation(
    context: Context, make_context: Callable[..., Context], tmp_path: Path
) -> None:
    file = own_folder(context) / "notes" / "mine.txt"
    file.parent.mkdir(parents=True)
    file.write_text("kept", "utf-8")
    folder = tmp_path / "collected"
    folder.mkdir()
    collect(context, folder)
    restored = make_context(plugins=["stranger"], folder=tmp_path / "restored")
    restore(restored, folder)
    assert (own_folder(restored) / "notes" / "mine.txt").read_text("utf-8") == "kept"


def test_half_a_file_is_left_out_and_no_folder_is_no_error(context: Context, tmp_path: Path) -> None:
    folder = tmp_path / "collected"
    folder.mkdir()
    collect(context, folder)
    own_folder(context).mkdir()
    (own_folder(context) / ".mine.txt.x.tmp").touch()
    collect(context, folder)
    assert list(folder.iterdir()) == []
