"""What Python code changes outside of its folders is refused and told."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from huracan.plugin.guard import Guard, guarding


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    (tmp_path / "inside" / "models").mkdir(parents=True)
    return tmp_path / "inside"


CHANGES: dict[str, Callable[[Path], object]] = {
    "write": lambda path: path.write_text("x"),
    "append": lambda path: path.open("a").close(),
    "os.open": lambda path: os.open(path, os.O_WRONLY),
    "remove": lambda path: path.unlink(),
    "rename away": lambda path: path.rename(path.with_name("other")),
    "truncate": lambda path: os.truncate(path, 0),
    "chmod": lambda path: path.chmod(0o777),
    "link": lambda path: path.with_name("link").symlink_to(path),
    "make a folder": lambda path: path.with_name("folder").mkdir(),
    "remove a tree": lambda path: shutil.rmtree(path.parent.resolve()),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("where", ["elsewhere", "inside/models", "inside/way-out"])
def test_a_change_elsewhere_is_refused_and_told(change: str, where: str, inside: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (inside / "way-out").symlink_to(tmp_path / "elsewhere")
    file = tmp_path / where / "file.txt"
    file.write_text("content")
    told: list[str] = []
    guard = Guard((str(inside),), (str(inside / "models"),), told.append)
    with guarding(guard), pytest.raises(PermissionError):
        CHANGES[change](file)
    assert file.read_text() == "content"
    assert told
    assert all(line.startswith(f"it tried to change {tmp_path}") for line in told)
    CHANGES["write"](file)  # afterwards everybody may again


@pytest.mark.parametrize("change", CHANGES)
def test_its_own_folder_it_may_change(change: str, inside: Path) -> None:
    own = inside / "own"
    own.mkdir()
    (own / "file.txt").write_text("content")
    told: list[str] = []
    with guarding(Guard((str(inside),), tell=told.append)):
        made = CHANGES[change](own / "file.txt")
    if isinstance(made, int) and change == "os.open":
        os.close(made)
    assert told == []


def test_a_link_of_its_own_may_be_removed_and_a_second_name_for_others_files_not_be_made(
    inside: Path, tmp_path: Path
) -> None:
    (tmp_path / "others.txt").write_text("content")
    (inside / "link").symlink_to(tmp_path / "others.txt")
    with guarding(Guard((str(inside),))):
        (inside / "link").unlink()
        with pytest.raises(PermissionError):
            (inside / "second-name").hardlink_to(tmp_path / "others.txt")


def test_reading_is_not_looked_at(inside: Path) -> None:
    with guarding(Guard((str(inside),))):
        assert Path(__file__).read_text()
        assert os.listdir("/")  # noqa: PTH208
        with Path(os.devnull).open("w") as nothing:
            nothing.write("x")


def test_other_threads_are_held_to_it_as_well(inside: Path, tmp_path: Path) -> None:
    raised: list[BaseException] = []

    def work() -> None:
        try:
            (tmp_path / "outside.txt").write_text("x")
        except OSError as error:
            raised.append(error)

    with guarding(Guard((str(inside),))):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert len(raised) == 1


def test_what_python_compiles_is_refused_without_a_word(inside: Path, tmp_path: Path) -> None:
    told: list[str] = []
    with guarding(Guard((str(inside),), tell=told.append)), pytest.raises(PermissionError):
        (tmp_path / "__pycache__").mkdir()
    assert told == []


def test_whoever_started_it_is_not_ended(inside: Path) -> None:
    told: list[str] = []
    with guarding(Guard((str(inside),), tell=told.append)):
        kills: tuple[Callable[[], None], ...] = (
            lambda: os.kill(os.getppid(), signal.SIGKILL), lambda: os.kill(-1, 0),
            lambda: os.killpg(os.getpgid(os.getppid()), signal.SIGKILL),
        )  # fmt: skip
        for kill in kills:
            with pytest.raises(PermissionError):
                kill()
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        child.kill()
        assert child.wait() == -signal.SIGKILL
    assert set(told) == {"it tried to end the process that started it"}
