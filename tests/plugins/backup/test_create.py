"""What a backup holds, what it costs, and that it is there whole or not at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from huracan import hookimpl
from huracan.app import load_settings, open_application
from huracan.context import Context
from huracan.errors import SettingsError, StoreError
from huracan.paths import write_json
from huracan.settings_sources import as_options
from huracan.testing import stand_in
from huracan.types import BackupSource
from huracan_backup import known
from huracan_backup.create import create, work_folder
from huracan_backup.keys import Keys, new_identity
from huracan_backup.packs import unpack
from huracan_backup.place import here
from huracan_backup.settings import BackupSettings
from huracan_backup.snapshots import Index, Snapshot
from huracan_backup.verify import examine

Write = Callable[..., Path]
Huracan = Callable[..., subprocess.CompletedProcess[str]]
Clock = Callable[[float], Callable[[], datetime]]


def content_of(context: Context, made: tuple[Snapshot, Index], keys: Keys, out: Path) -> dict[str, bytes]:
    """Return every file of a backup by its path."""
    place, (snapshot, index) = here(context), made
    with work_folder(place.folder) as work:
        for group in index.groups:
            with place.pack(group.pack, snapshot.needs[group.pack], work, "it") as file:
                unpack(file, work, group.members, keys, snapshot.encrypted, "it", lambda path: out / path)
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_it_holds_store_champions_their_models_ledger_logs_switches_and_settings(
    context: Context, keys: Keys, write: Write, tmp_path: Path
) -> None:
    write("models/BTC-USDT/20250101_020000Z/model.bin", "of nobody")
    write("models/ETH-USDT/20250101_020000Z/model.bin", "of a former champion")
    write("champions/ETH-USDT.json", '{"history": [{"model_path": "models/ETH-USDT/20250101_020000Z"}]}')
    write("logs/huracan.jsonl", "{}\n")
    write("meta/encoder.json", "{}")
    write("state/kill.json", '{"stopped": true}')
    write("state/run.lock", "")
    write("data/candles/BTC-USDT.parquet", "candles")
    write(".hidden/x", "x")
    found = content_of(context, create(context, keys), keys, tmp_path / "out")
    assert sorted(found) == [
        "database/about.json", "database/store", "sources/switches/kill.json",
        "workspace/champions/BTC-USDT.json", "workspace/champions/ETH-USDT.json", "workspace/logs/huracan.jsonl",
        "workspace/meta/encoder.json", "workspace/models/BTC-USDT/20261119_020000Z/model.bin",
        "workspace/models/BTC-USDT/20261119_020000Z/sha256.txt", "workspace/models/ETH-USDT/20250101_020000Z/model.bin",
        "workspace/runs/20261119Z/status.json",
    ]  # fmt: skip
    assert found["database/store"].startswith(b"SQLite format 3")


def test_an_unchanged_backup_stores_nothing_but_its_index(context: Context, keys: Keys, at: Clock) -> None:
    create(context, keys, at(0)())
    snapshot, _ = create(context, keys, at(1)())
    assert snapshot.size > 150_000
    assert snapshot.added == snapshot.index[1] < 2_000


def test_after_a_night_only_what_it_made_is_stored(
    context: Context, keys: Keys, night: Callable[[str], None], at: Clock
) -> None:
    first, _ = create(context, keys, at(0)())
    night("20261120")
    second, _ = create(context, keys, at(1)())
    assert 50_000 < second.added < 60_000
    shared = set(first.packs) & set(second.packs)
    assert shared, "the store and the older run are in packs of the first one"


def test_a_file_that_was_changed_without_its_size_or_time_changing_is_stored_again(
    context: Context, keys: Keys, write: Write, at: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = write("meta/encoder.json", "aaaa")
    create(context, keys, at(0)())
    about = file.stat()
    file.write_text("bbbb")
    os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns))
    found = content_of(context, create(context, keys, at(1)()), keys, tmp_path / "out")
    assert found["workspace/meta/encoder.json"] == b"bbbb"


def test_a_file_of_this_moment_is_not_trusted_to_stay_as_it_is(
    context: Context, keys: Keys, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "_RACY_NS", 2_000_000_000)
    write("meta/encoder.json", "aaaa")
    create(context, keys)
    assert "workspace/meta/encoder.json" not in json.loads((context.paths.state / "backup-files.json").read_text())


def test_another_key_stores_everything_again_and_the_old_backup_stays_readable(context: Context, keys: Keys) -> None:
    create(context, keys)
    rotated = Keys((new_identity()[0], *keys.identities))
    snapshot, _ = create(context, rotated)
    assert snapshot.added == snapshot.stored
    place = here(context)
    with work_folder(place.folder) as work:
        for name in place.ids():
            examine(place, name, rotated, work, lambda _: None)


def test_without_a_key_no_secret_is_in_the_backup_and_it_says_which_are_left_out(
    make_context: Callable[..., Context], write: Write, tmp_path: Path
) -> None:
    secrets = {"access_key": "AKIA-very-secret", "secret_key": "even-more-secret"}
    context = make_context(
        {"remote": {"name": "s3", **secrets}, "backup": {"keep_here": 9}}, plugins=["remote", "backup", "s3"]
    )
    made = create(context, Keys())
    found = content_of(context, made, Keys(), tmp_path / "out")
    assert yaml.safe_load(found["settings/00-settings.yaml"])["backup"] == {"keep_here": 9}
    assert not any(secret.encode() in content for secret in secrets.values() for content in found.values())
    assert made[1].left_out == (
        "secrets, since the backup is not encrypted: remote.access_key, remote.secret_key",
    )  # fmt: skip


def test_with_a_key_secrets_are_in_it_as_credentials_but_not_the_key_itself(
    make_context: Callable[..., Context], keys: Keys, tmp_path: Path
) -> None:
    settings = {
        "remote": {"name": "s3", "secret_key": "even-more-secret"},
        "backup": {"identity": keys.identities[0], "remotes": {"b": {"name": "s3", "access_key": "second"}}},
    }
    context = make_context(settings, plugins=["remote", "backup", "s3"])
    found = content_of(context, create(context, keys), keys, tmp_path / "out")
    assert found["settings/credentials/remote__secret_key"] == b"even-more-secret"
    assert found["settings/credentials/backup__remotes__b__access_key"] == b"second"
    assert not any(keys.identities[0].encode() in content for content in found.values())
    assert (tmp_path / "out/settings/credentials/remote__secret_key").stat().st_mode & 0o777 == 0o600


def test_a_key_that_stands_in_a_settings_file_is_not_in_the_backup_that_it_opens(
    tmp_path: Path, workspace: Path, keys: Keys
) -> None:
    old, file = new_identity()[0], tmp_path / "settings.yaml"
    file.write_text(
        f"workspace: {workspace}\nbackup:\n  identity: |\n    {keys.identities[0]}\n    {old}\n  keep_here: 4\n"
    )
    with (context := open_application([file], {"HURACAN_PLUGINS_ONLY": "backup"}, log_file=False)).store:
        made = create(context, keys)
        found = content_of(context, made, keys, tmp_path / "out")
    assert not any(key.encode() in content for key in (keys.identities[0], old) for content in found.values())
    assert made[1].left_out == (f"the key that stands in {file}: it opens the backup and would lie in it",)
    assert yaml.safe_load(found["settings/00-settings.yaml"])["backup"]["keep_here"] == 4
    again, _ = load_settings([tmp_path / "out/settings/00-settings.yaml"], {"HURACAN_PLUGINS_ONLY": "backup"})
    with pytest.raises(SettingsError, match="no age key"):
        Keys.of(again.section(BackupSettings))  # who restores is asked for the key, and makes no plain backups


@pytest.mark.parametrize("encrypted", [True, False])
def test_what_an_option_of_the_command_line_says_is_no_setting_of_the_installation(
    tmp_path: Path, workspace: Path, keys: Keys, encrypted: bool
) -> None:
    (tmp_path / "settings.yaml").write_text(f"workspace: {workspace}\n")
    outside = {"HURACAN_PLUGINS_ONLY": "backup", "HURACAN_BACKUP__KEEP_DAILY": "9"}
    said = as_options(outside, {"HURACAN_LOGGING__LEVEL": "debug"})  # as -v is passed on to the jobs of a run
    with (context := open_application([tmp_path / "settings.yaml"], said, log_file=False)).store:
        assert context.settings.core.logging.level == "debug"
        used = keys if encrypted else Keys()
        found = content_of(context, create(context, used), used, tmp_path / "out")
    settings = b"".join(content for name, content in found.items() if name.startswith("settings/"))
    assert b"keep_daily: 9" in settings
    assert b"debug" not in settings


def test_with_a_key_what_the_environment_and_credentials_say_is_in_it_too(
    tmp_path: Path, workspace: Path, keys: Keys
) -> None:
    (tmp_path / "settings.yaml").write_text(f"workspace: {workspace}\nbackup: {{keep_here: 4}}\n")
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "alerts__expire_hours").write_text("12")
    url = f"sqlite:///{tmp_path / 'mine.db'}"
    context = open_application(
        [tmp_path / "settings.yaml"],
        {
            "HURACAN_DATABASE": url, "HURACAN_BACKUP__IDENTITY": keys.identities[0], "HURACAN_BACKUP__KEEP_DAILY": "9",
            "HURACAN_SCHEDULE__PIPELINES": '{"nightly": "03:00"}', "HURACAN_ALERTS__LEAST": "warning",
            "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials"), "HURACAN_PLUGINS_ONLY": "backup",
        },
        log_file=False,
    )  # fmt: skip
    with context.store:
        found = content_of(context, create(context, keys), keys, tmp_path / "out")
    assert found["settings/00-settings.yaml"] == (tmp_path / "settings.yaml").read_bytes()
    assert yaml.safe_load(found["settings/01-environment.yaml"]) == {
        "alerts": {"least": "warning"}, "backup": {"keep_daily": 9}, "schedule": {"pipelines": {"nightly": "03:00"}},
    }  # fmt: skip
    assert found["settings/credentials/database"] == url.encode()
    assert found["settings/credentials/alerts__expire_hours"] == b"12.0"
    assert not any(keys.identities[0].encode() in content for content in found.values())
    # Put where it belongs, it says the same as before.
    again, _ = load_settings(
        sorted((tmp_path / "out/settings").glob("*.yaml")),
        {"CREDENTIALS_DIRECTORY": str(tmp_path / "out/settings/credentials"), "HURACAN_PLUGINS_ONLY": "backup"},
    )
    assert again.core == context.settings.core


def test_with_a_key_settings_files_and_secrets_are_in_it_and_nothing_can_be_read_from_outside(
    huracan: Huracan, tmp_path: Path, workspace: Path, write: Write, keys: Keys
) -> None:
    write("champions/BTC-USDT.json", "{}")
    done = huracan(
        "backup", "create", backup={"identity": keys.identities[0], "remote": False},
        remote={"name": "local", "path": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "on this machine only" in done.stdout
    stored = b"".join(path.read_bytes() for path in (workspace / "backups").rglob("*") if path.is_file())
    assert b"BTC-USDT" not in stored
    assert keys.identities[0].encode() not in stored
    listed = huracan("backup", "list", json.loads(huracan("backup", "list", "--json").stdout)["backups"][0]["id"],
                     "--json", backup={"identity": keys.identities[0]})  # fmt: skip
    assert "settings/00-settings.yaml" in [each["path"] for each in json.loads(listed.stdout)["files"]]
    assert keys.identities[0] not in listed.stdout + done.stdout + done.stderr


def test_what_a_plugin_declares_is_in_it_and_one_that_raises_costs_only_its_own(
    make_context: Callable[..., Context], tmp_path: Path
) -> None:
    def fine(_: Context, folder: Path) -> None:
        (folder / "orders.csv").write_text("1,2")

    def broken(_: Context, folder: Path) -> None:
        raise RuntimeError("no orders today")

    @hookimpl
    def huracan_backup_sources() -> list[BackupSource]:
        return [BackupSource("orders", fine), BackupSource("broken", broken)]

    extra = [stand_in("mine", huracan_backup_sources=huracan_backup_sources)]
    context = make_context({}, plugins=["backup"], extra=extra)
    made = create(context, Keys())
    assert content_of(context, made, Keys(), tmp_path / "out")["sources/orders/orders.csv"] == b"1,2"
    assert made[1].problems == ("source broken: RuntimeError: no orders today",)


def test_a_champion_without_its_model_is_said(context: Context, keys: Keys, write: Write) -> None:
    write("champions/SOL-USDT.json", '{"model_path": "models/SOL-USDT/20250101_020000Z"}')
    _, index = create(context, keys)
    (line,) = index.problems
    assert "champions/SOL-USDT.json: names models/SOL-USDT/20250101_020000Z, which is not there" in line


def test_while_a_night_crowns_champions_every_backup_holds_the_models_that_it_names(
    context: Context, keys: Keys, tmp_path: Path, workspace: Path
) -> None:
    over = threading.Event()

    def crown() -> None:
        reigns: list[str] = []
        while not over.wait(0.05):
            folder = f"models/BTC-USDT/2027{len(reigns):04d}_020000Z"
            (workspace / folder).mkdir()
            (workspace / folder / "model.bin").write_bytes(os.urandom(5_000))
            history = [{"model_path": path} for path in reigns[-20:]]
            write_json(workspace / "champions/BTC-USDT.json", {"model_path": folder, "history": history})
            reigns.append(folder)

    for number in range(30):
        (workspace / f"runs/2025{number:04d}Z").mkdir(parents=True)
        (workspace / f"runs/2025{number:04d}Z/status.json").write_bytes(os.urandom(20_000))
    thread = threading.Thread(target=crown)
    thread.start()
    try:
        for number in range(6):
            made = create(context, keys)
            found = content_of(context, made, keys, tmp_path / f"out{number}")
            pointer = json.loads(found["workspace/champions/BTC-USDT.json"])
            assert f"workspace/{pointer['model_path']}/model.bin" in found
    finally:
        over.set()
        thread.join()


def test_a_pack_that_was_lost_here_is_made_again(context: Context, keys: Keys) -> None:
    create(context, keys)
    place = here(context)
    for pack in (place.folder / "packs").iterdir():
        pack.unlink()
    snapshot, _ = create(context, keys)
    with work_folder(place.folder) as work:
        examine(place, snapshot.id, keys, work, lambda _: None)


# --------------------------------------------------------------------------------------------------- full disk, kills

SCRIPT = """
import resource, sys
from huracan.app import open_application
from pathlib import Path
from huracan_backup.job import backup
limit = int(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
context = open_application([Path(sys.argv[1])], {}, log_file=False)
print("begins", flush=True)
try:
    print(backup(context, send=False).snapshot.id)
except Exception as error:
    print(type(error).__name__, error)
    sys.exit(3)
"""


def start(
    tmp_path: Path, workspace: Path, keys: Keys, limit: int = 0, script: str = SCRIPT
) -> subprocess.Popen[str]:  # fmt: skip
    file = tmp_path / "settings.yaml"
    values = {"workspace": str(workspace), "plugins": {"only": ["backup"]}, "backup": {"identity": keys.identities[0]}}
    file.write_text(yaml.safe_dump(values))
    command = [sys.executable, "-c", script, str(file), str(limit)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_full_disk_is_said_in_one_line_and_costs_no_earlier_backup(
    context: Context, keys: Keys, workspace: Path, tmp_path: Path, write: Write
) -> None:
    create(context, keys)
    write("models/BTC-USDT/20261119_020000Z/big.bin", os.urandom(3_000_000))
    with start(tmp_path, workspace, keys, limit=1_000_000) as process:
        said = process.communicate()[0]
    assert process.returncode == 3, said
    assert "TryAgainError" in said
    assert "free some space, then start the same command again" in said
    place = here(context)
    (name,) = place.ids()
    assert not (place.folder / ".work").exists()
    with work_folder(place.folder) as work:
        examine(place, name, keys, work, lambda _: None)
    assert json.loads((workspace / "state" / "backup.json").read_text())["failed"]["error"].startswith("backup: ")


def test_a_database_that_is_away_gives_no_backup_and_says_so(
    context: Context, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreError("database sqlite: is damaged")

    monkeypatch.setattr(context.store, "snapshot", away)
    with pytest.raises(StoreError):
        create(context, keys)
    assert here(context).ids() == []


FORKING = """
import os, signal, sys, time
from huracan.app import open_application
from pathlib import Path
import huracan_backup.chat, huracan_backup.create, huracan_backup.known  # once for all children
from huracan_backup.job import backup
print("ready", flush=True)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        context = open_application([Path(sys.argv[1])], {}, log_file=False)
        backup(context, send=False)
        os._exit(0)
    time.sleep(float(line))
    os.kill(child, signal.SIGKILL)
    print(os.waitpid(child, 0)[1], flush=True)
"""


def test_killed_at_any_instant_every_backup_that_is_listed_is_whole(
    context: Context, keys: Keys, workspace: Path, tmp_path: Path, write: Write
) -> None:
    for number in range(30):
        write(f"runs/2026{number:04d}Z/status.json", os.urandom(20_000))
    place = here(context)
    killed = 0
    with start(tmp_path, workspace, keys, script=FORKING) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "ready\n"
        for number in range(25):
            write(f"runs/2027{number:04d}Z/status.json", os.urandom(20_000))
            process.stdin.write(f"{0.02 * (number + 1)}\n")
            process.stdin.flush()
            killed += process.stdout.readline() == f"{signal.SIGKILL}\n"
            with work_folder(tmp_path / "verify") as work:
                for name in place.ids():
                    examine(place, name, keys, work, lambda _: None)
        process.stdin.close()
    assert killed > 5, "the machine was too fast to kill anything"
    snapshot, _ = create(context, keys)
    assert snapshot.id in place.ids()
    assert not (place.folder / ".work").exists(), "what the kills left is swept"
    assert list((place.folder / "snapshots").glob(".*")) == []
