"""install.sh as root, on a machine of its own. The tests build on each other in the order of this file."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from documents import blocks, files
from shell import differs, typed_in
from systemd.machine import CHECKOUT, ENVIRONMENT, OURS, SCRIPT, Box, Installation

pytestmark = pytest.mark.systemd

SERVICES = ("huracan.target", "huracan.service", "huracan-service@monitor.service", "huracan-service@sync.service")

IS_RUNNING = """huracan status --json | grep -Eq '"running": ?"'"""
BROKEN_AT_ONCE = "echo 'raise RuntimeError(\"a broken build\")' >>daemon/huracan/cli/settings.py"
NEW_TABLE = r"""
sed -i 's/^version = .*/version = "9.9.0"/' pyproject.toml
migrations=daemon/huracan/store/migrations/versions
newest="$(basename "$(ls $migrations/[0-9]*.py | tail -n 1)" | cut -c1-4)"
cat >$migrations/9990_new_table.py <<PYTHON
import sqlalchemy
from alembic import op

revision = "9990"
down_revision = "$newest"
branch_labels = depends_on = None


def upgrade() -> None:
    op.create_table("novelties", sqlalchemy.Column("name", sqlalchemy.String, primary_key=True))
PYTHON
sed -i 's/^HEAD = .*/HEAD = "9990"/' daemon/huracan/store/schema.py
"""
BROKEN_DAEMON = NEW_TABLE + "echo 'raise RuntimeError(\"a broken daemon\")' >>daemon/huracan/daemon.py"


def _in_background(box: Box, *command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [str(SCRIPT), "run", str(box.folder), *command],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=ENVIRONMENT,
    )  # fmt: skip


def _wait_for(box: Box, condition: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while box.bash(condition, check=False).returncode != 0:
        assert time.monotonic() < end, f"not within {seconds} s: {condition}"
        time.sleep(0.1)


def _release(box: Box) -> str:
    return box.run(["readlink", "/opt/huracan/current"]).stdout.strip().removeprefix("releases/")


def _releases(box: Box) -> list[str]:
    return sorted(box.run(["ls", "/opt/huracan/releases"]).stdout.split())


def _daemon(box: Box) -> str:
    return box.run(["systemctl", "show", "--property=MainPID", "--value", "huracan.service"]).stdout.strip()


def _tables(box: Box) -> str:
    """The schema and all rows of the ledger, as the database file has them."""
    script = (
        "import sqlite3; d = sqlite3.connect('file:/var/lib/huracan/huracan.db?mode=ro', uri=True);"
        "print(d.execute('SELECT * FROM alembic_version').fetchall(), d.execute('SELECT * FROM job_runs').fetchall(),"
        "d.execute(\"SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1\").fetchall())"
    )
    return box.run(["setpriv", "--reuid=huracan", "--regid=huracan", "--clear-groups", "python3", "-c", script]).stdout


def _all_run(box: Box) -> bool:
    return all(box.state(unit) == "active" for unit in SERVICES)


# ---------------------------------------------------------------------------------------------------- on a bare machine


def test_a_dry_run_on_a_bare_machine_says_every_step_and_touches_nothing(fresh: Box) -> None:
    before = fresh.listing(*OURS)
    done = fresh.install_sh("install", "--dry-run")
    said = done.stdout.splitlines()
    assert said
    assert all(line.startswith("would ") for line in said)
    for step in ("user huracan", "/opt/huracan", "/etc/huracan/settings.yaml", "/usr/local/bin/huracan", "units"):
        assert step in done.stdout
    assert fresh.listing(*OURS) == before
    assert fresh.run(["getent", "passwd", "huracan"], check=False).returncode != 0


def test_who_is_not_root_is_told_to_become_it(fresh: Box) -> None:
    done = fresh.run(["setpriv", "--reuid=65534", "--clear-groups", f"{CHECKOUT}/install.sh", "install"], check=False)
    assert done.returncode == 1
    assert done.stderr == "install.sh: this needs root: sudo ./install.sh install\n"


@pytest.mark.parametrize(("name", "version"), [("fedora", "41"), ("debian", "11"), ("ubuntu", "20.04")])
def test_another_system_is_refused_in_one_line(fresh: Box, name: str, version: str) -> None:
    kept = fresh.run(["readlink", "/etc/os-release"]).stdout.strip()
    fresh.bash(f"rm /etc/os-release; printf 'ID={name}\\nVERSION_ID={version}\\n' >/etc/os-release")
    try:
        done = fresh.install_sh("install", check=False)
    finally:
        fresh.run(["ln", "-sfn", kept, "/etc/os-release"])
    assert done.returncode == 1
    assert f"this is {name} {version}; services need Debian 12 or Ubuntu 24.04" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_upgrade_and_uninstall_say_that_nothing_is_installed(fresh: Box) -> None:
    done = fresh.install_sh("upgrade", check=False)
    assert done.returncode == 1
    assert "type sudo ./install.sh install" in done.stderr
    assert "nothing to do" in fresh.install_sh("uninstall").stderr


def test_a_power_cut_while_it_builds_leaves_no_release_that_counts(fresh: Box) -> None:
    at_work = _in_background(fresh, f"{CHECKOUT}/install.sh", "install")
    _wait_for(fresh, "ls /opt/huracan/releases/*/bin/pip && sleep 3")
    fresh.reboot()
    at_work.wait(30)
    assert fresh.run(["test", "-e", "/opt/huracan/current"], check=False).returncode == 1
    assert "would build" in fresh.install_sh("install", "--dry-run").stdout


# -------------------------------------------------------------------------------------------------------------- install


def test_after_the_install_everything_runs_as_huracan(installed: Box, first_install: Installation) -> None:
    assert _all_run(installed)
    assert "is installed and runs" in first_install.said
    owners = installed.bash("ps -o user= -p $(systemctl show -P MainPID huracan.service)").stdout.split()
    assert owners == ["huracan"]
    installed.run(["huracan", "status"])
    installed.run(["/opt/huracan/current/bin/python", "-P", "-c", "import pip_audit"])


def test_owners_and_modes_are_right_and_no_secret_may_be_read(installed: Box) -> None:
    paths = (
        "/opt/huracan",
        "/etc/huracan/conf.d",
        "/etc/huracan/credentials",
        "/etc/huracan/settings.yaml",
        "/var/lib/huracan",
        "/usr/local/bin/huracan",
    )
    found = installed.run(["stat", "--format=%n %U:%G %a", *paths]).stdout.splitlines()
    assert found == [
        "/opt/huracan root:root 755",
        "/etc/huracan/conf.d huracan:huracan 2750",
        "/etc/huracan/credentials root:root 700",
        "/etc/huracan/settings.yaml root:huracan 640",
        "/var/lib/huracan huracan:huracan 750",
        "/usr/local/bin/huracan root:root 755",
    ]
    assert installed.bash("find /opt/huracan/releases ! -user root -o ! -type l -perm /022").stdout == ""


def test_bash_completes_commands_and_names(installed: Box) -> None:
    folder = "/usr/share/bash-completion/completions"
    if installed.run(["test", "-d", folder], check=False).returncode:
        pytest.skip("no bash-completion here")
    done = installed.bash(
        f"set +eu; source {folder}/huracan; COMP_WORDS=(huracan run night) COMP_CWORD=2; _shtab_huracan;"
        "echo ${COMPREPLY[@]}"
    )
    assert done.stdout == "nightly\n"
    assert installed.run(["stat", "--format=%U:%G %a", f"{folder}/huracan"]).stdout == "root:root 644\n"


def test_the_second_install_changes_nothing_and_says_so(installed: Box) -> None:
    before, daemon = installed.listing("/etc", "/opt", "/usr/local"), _daemon(installed)
    done = installed.install_sh("install")
    assert "nothing to do" in done.stderr
    assert installed.listing("/etc", "/opt", "/usr/local") == before
    assert _daemon(installed) == daemon
    assert installed.install_sh("install", "--dry-run").stdout == ""


def test_what_was_lost_is_put_back(installed: Box) -> None:
    """Each step looks before it acts, so an install that was killed between two of them is ended by the next."""
    installed.bash(
        "rm /opt/huracan/current /usr/local/bin/huracan /etc/systemd/system/huracan.service;"
        "chmod 755 /etc/huracan/credentials; systemctl daemon-reload; systemctl stop huracan.target"
    )
    installed.install_sh("install")
    assert _all_run(installed)
    assert "nothing to do" in installed.install_sh("install").stderr


def test_other_settings_than_those_installed_are_refused(installed: Box) -> None:
    installed.run(["tee", "/root/other.yaml"], stdin="exchange: {name: simulated, seed: 8}\n")
    done = installed.install_sh("install", "--settings", "/root/other.yaml", check=False)
    assert done.returncode == 2
    assert "/etc/huracan/settings.yaml exists and is not /root/other.yaml" in done.stderr


def test_a_setting_that_is_wrong_is_named_with_its_line(installed: Box) -> None:
    installed.run(["tee", "/etc/huracan/conf.d/wrong.yaml"], stdin="workspace: /somewhere\n")
    done = installed.install_sh("install", check=False)
    installed.run(["tee", "/etc/huracan/conf.d/wrong.yaml"], stdin="workspace: [\n")
    broken = installed.install_sh("install", check=False)
    installed.run(["rm", "/etc/huracan/conf.d/wrong.yaml"])
    assert done.returncode == 2
    assert "workspace is /somewhere; services work in /var/lib/huracan" in done.stderr
    assert broken.returncode == 2
    assert "/etc/huracan/conf.d/wrong.yaml:" in broken.stderr


@pytest.mark.soak
def test_with_no_exchange_nothing_is_started_and_it_says_what_to_do(installed: Box) -> None:
    installed.bash(
        "systemctl stop 'huracan*'; mv /etc/huracan/settings.yaml /root/kept.yaml;"
        "echo 'schedule: {catch_up: false}' >/etc/huracan/conf.d/late.yaml"
    )
    done = installed.install_sh("install")
    assert "choose an exchange in /etc/huracan/settings.yaml" in done.stderr
    assert installed.state("huracan.target") == "inactive"
    installed.reboot()
    assert installed.state("huracan.target") == "inactive"
    installed.bash("sed -i 's/^#exchange: {name: simulated}/exchange: {name: simulated}/' /etc/huracan/settings.yaml")
    assert "is installed and runs" in installed.install_sh("install").stderr
    installed.bash("mv /root/kept.yaml /etc/huracan/settings.yaml; rm /etc/huracan/conf.d/late.yaml")
    installed.install_sh("install")


def test_after_a_power_cut_it_runs_again(installed: Box) -> None:
    installed.reboot()
    _wait_for(installed, f"systemctl is-active --quiet {' '.join(SERVICES)}")


# ---------------------------------------------------------------------------------------------------------- the command


def test_what_root_types_leaves_no_file_of_root_in_the_workspace(night: Box) -> None:
    for command in ("status", "doctor", "settings show", "history", "run universe --force"):
        night.run(["huracan", *command.split()], check=False)
    assert int(night.bash("find /var/lib/huracan -type f | wc -l").stdout) > 20
    assert night.bash("find /var/lib/huracan ! -user huracan").stdout == ""


def test_the_command_reads_the_credentials_and_leaves_no_copy_of_them(night: Box) -> None:
    night.bash(
        "umask 077; echo 17 >/etc/huracan/credentials/training__seed;"
        "echo 5 | systemd-creds encrypt --name=training__folds - /etc/huracan/credentials.encrypted/training__folds"
    )
    try:
        shown = json.loads(night.run(["huracan", "settings", "show", "--json"]).stdout)["settings"]
        left = night.bash("find /run/huracan-credentials -type f; grep huracan-credentials /proc/mounts || true").stdout
    finally:
        night.bash("rm /etc/huracan/credentials/* /etc/huracan/credentials.encrypted/*")
    origins = {row["name"]: row["origin"] for row in shown}
    assert origins["training.seed"] == "credential training__seed"
    assert origins["training.folds"] == "credential training__folds"
    assert left == ""


def test_a_kill_by_root_is_stopped_by_no_secret_that_is_broken_and_is_told_once(installed: Box) -> None:
    broken, state = "/etc/huracan/credentials.encrypted/training__folds", "/var/lib/huracan/state"
    alerts = "/var/lib/huracan/monitoring/alerts.jsonl"
    installed.bash(f"umask 077; echo 'sealed by another machine' >{broken}")
    try:
        killed = installed.run(["huracan", "kill", "exchange", "hacked"])
        looked = installed.run(["huracan", "status"])
        mended = installed.install_sh("install", check=False)
    finally:
        installed.bash(f"rm {broken}")
    said = f"trading is STOPPED (exchange hacked), in {state}/trading.json; only `huracan resume` lifts it\n"
    assert (killed.stdout, killed.stderr) == (said, "")
    assert installed.bash(f"stat --format=%U {state}/trading.json {state}/kill.json").stdout.split() == ["huracan"] * 2
    assert f"huracan: {broken} cannot be opened and is left out: " in looked.stderr
    assert mended.returncode == 2, "with it no unit would start"
    assert f"{broken} cannot be opened" in mended.stderr
    _wait_for(installed, f"grep -q kill.on {alerts}")
    assert "is lifted" in installed.run(["huracan", "resume", "trading", "--reason", "all is well"]).stdout
    assert installed.run(["grep", "--count", "kill.on", alerts]).stdout == "1\n"


def test_an_operator_of_the_group_kills_by_the_daemon_and_may_write_no_settings(installed: Box) -> None:
    token = "/etc/huracan/conf.d/token.yaml"
    installed.bash(
        f"useradd --groups huracan trader; echo 'logging: {{level: info}}' >{token};"
        f"chown huracan:huracan {token}; chmod 600 {token}"
    )
    trader = ["setpriv", "--reuid=trader", "--regid=trader", "--init-groups"]
    try:
        wrote = installed.run([*trader, "touch", "/etc/huracan/conf.d/mine.yaml"], check=False)
        killed = installed.run([*trader, "huracan", "kill", "from", "the", "phone"])
        kept = json.loads(installed.run(["cat", "/var/lib/huracan/state/kill.json"]).stdout)
    finally:
        installed.bash(f"userdel --force trader; rm {token}; huracan resume trading")
    assert wrote.returncode != 0
    assert killed.stdout.startswith("trading is STOPPED (from the phone)")
    assert f"{token}: may not be read by this user and is passed over" in killed.stderr
    assert (kept["on"], kept["by"]) == (True, "trader")
    installed.run(["test", "-S", "/run/huracan/control.sock"])  # the settings of this box name no socket


# ------------------------------------------------------------------------------------------------------------- a plugin


@pytest.mark.soak
def test_the_feature_of_the_tutorial_works_in_a_unit_as_its_page_says(night: Box, repository: Path) -> None:
    page, models = repository / "docs" / "tutorial" / "first-feature.md", "/var/lib/huracan/models"
    for name, text in files(page).items():
        if name.startswith("huracan-close-place/"):
            night.run(["install", "-D", "/dev/stdin", f"/srv/{name}"], stdin=text)
    before = page.read_text("utf-8").splitlines()
    shown = [each for each in blocks(page) if before[each.line - 2] == "<!-- on a server -->"]
    try:
        followed = []
        for each in (typed for block in shown for typed in typed_in(block)):
            done = night.bash(each.command.replace("sudo ", "", 1), check=False)
            followed.append((each, done.returncode, done.stdout))
        assert len(followed) >= 4
        assert differs(followed) == []
        _wait_for(night, f"grep -qs '\"close-place\"' {models}/*/*/features.json", 180)
    finally:
        night.run(["/opt/huracan/current/bin/python", "-m", "pip", "uninstall", "-q", "-y", "huracan-close-place"])
        night.bash("while systemctl is-active -q huracan-job@train; do sleep 0.1; done; rm -r /srv/huracan-close-place")


# -------------------------------------------------------------------------------------------------------------- upgrade


@pytest.mark.soak
def test_a_version_that_does_not_start_is_never_switched_to(
    night: Box, checkout_with: Callable[[str, str], str]
) -> None:
    before, daemon = (_release(night), _releases(night), night.digest("/var/lib/huracan/champions")), _daemon(night)
    done = night.install_sh("upgrade", check=False, checkout=checkout_with("broken", BROKEN_AT_ONCE))
    assert done.returncode == 1
    assert "does not start" in done.stderr
    assert f"nothing was changed, {before[0]} goes on" in done.stderr.splitlines()[-1]
    assert (_release(night), _releases(night), night.digest("/var/lib/huracan/champions")) == before
    assert _daemon(night) == daemon, "the daemon was not even restarted"


def test_a_version_that_fails_after_its_migration_is_put_back_with_the_database(
    night: Box, checkout_with: Callable[[str, str], str]
) -> None:
    before = (_release(night), _releases(night), night.digest("/var/lib/huracan/champions", "/var/lib/huracan/models"))
    tables = _tables(night)
    done = night.install_sh("upgrade", check=False, checkout=checkout_with("worse", BROKEN_DAEMON))
    assert done.returncode == 1
    assert f"{before[0]} is back and as it was" in done.stderr.splitlines()[-1]
    after = (_release(night), _releases(night), night.digest("/var/lib/huracan/champions", "/var/lib/huracan/models"))
    assert after == before
    assert _tables(night) == tables
    assert _all_run(night)
    assert night.bash("find /var/lib/huracan ! -user huracan").stdout == ""


@pytest.mark.soak
def test_a_running_night_is_not_interrupted(night: Box, checkout_with: Callable[[str, str], str]) -> None:
    checkout = checkout_with("better", NEW_TABLE)
    at_work = _in_background(night, "huracan", "run", "nightly", "--force")
    _wait_for(night, IS_RUNNING)
    done = night.install_sh("upgrade", check=False, checkout=checkout)
    assert done.returncode == 5
    assert "--now" in done.stderr
    in_between = night.run(["pgrep", "--full", "bash /usr/local/bin/huracan"], check=False).stdout
    assert in_between == "", "signals reach the command itself"
    assert at_work.wait(240) == 0


def test_an_upgrade_that_a_power_cut_ends_is_finished_by_the_next(
    night: Box, checkout_with: Callable[[str, str], str]
) -> None:
    old, champions = _release(night), night.digest("/var/lib/huracan/champions")
    checkout = checkout_with("better", NEW_TABLE)
    typed = _in_background(night, "env", "HURACAN_TRAINING__SEARCH__TRIALS=500", "huracan", "run", "nightly", "--force")
    _wait_for(night, IS_RUNNING)
    at_work = _in_background(night, f"{checkout}/install.sh", "upgrade", "--now")
    _wait_for(night, "test -e /opt/huracan/before-upgrade/huracan.db", 240)
    night.reboot()
    assert typed.wait(30) != 0
    at_work.wait(30)
    done = night.install_sh("upgrade", checkout=checkout)
    assert re.search(r"9\.9\.0-\w+ is installed and runs", done.stderr)
    assert _release(night).startswith("9.9.0-")
    assert _releases(night) == sorted([old, _release(night)])
    assert "novelties" in _tables(night)
    assert night.digest("/var/lib/huracan/champions") == champions
    assert _all_run(night)
    assert "nothing to do" in night.install_sh("upgrade", checkout=checkout).stderr
