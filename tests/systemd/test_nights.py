"""Pipelines as units in a real systemd, by both schedulers: what is killed, hangs, dawdles or is not allowed."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator

import pytest

from systemd.machine import Box
from systemd.trial import STAMPS, Trial

pytestmark = pytest.mark.systemd

LOOKER, MONITOR, DAEMON = "huracan-service@looker.service", "huracan-service@monitor.service", "huracan.service"
SOON = "[Unit]\nStartLimitBurst=2\n[Service]\nRestartSec=200ms\n"
BROKEN = f"{SOON}ExecStart=\nExecStart=/bin/false\n"
RETRY_SOON = "[Timer]\nOnActiveSec=5s\nOnUnitInactiveSec=5s\nAccuracySec=100ms\n"


@pytest.fixture(scope="module")
def trial(night: Box) -> Iterator[Trial]:
    """The box with a stranger's plugin in it; the installation is as it was at the end."""
    made = Trial(night)
    said = made.install()
    assert "huracan-job@second.service.d/50-declared.conf" in said
    for unit in ("huracan.service", "huracan-service@.service"):
        made.drop_in(unit, "soon", "[Service]\nRestartSec=1\n")  # nobody wants to wait for it here
    yield made
    made.remove()


def test_a_plugin_that_is_installed_later_gets_its_units(trial: Trial) -> None:
    shown = trial.box.run(["systemctl", "cat", "huracan-job@second.service"]).stdout
    assert "WatchdogSec=4s" in shown
    assert "plugin trial" in shown
    assert "plugin stranger" in trial.box.run(["systemctl", "cat", "huracan-job@stranger-diary.service"]).stdout
    assert "looker" in trial.box.run(["systemctl", "cat", "huracan.target"]).stdout


def test_a_job_sees_its_workspace_and_nothing_it_did_not_ask_for(trial: Trial) -> None:
    trial.afresh()
    trial.box.run(["huracan", "start", "trial"])
    assert trial.wait_for_state("done", "failed") == "done"
    seen = trial.seen()
    assert seen["user"] == int(trial.box.run(["id", "-u", "huracan"]).stdout)
    assert seen["writes_workspace"]
    assert not seen["writes_outside"]
    assert seen["homes"] == []
    assert not [name for name in seen["environment"] if name.startswith("HURACAN")]
    trial.wait_for_count("looker")


SECRETS = {"plain": "PLAIN-5b1e77c2d4", "sealed": "SEALED-0d9f34aa61"}
WHERE_NO_SECRET_STANDS = """
systemctl show --all huracan.service huracan-job@first.service huracan-service@looker.service
systemctl cat huracan.service huracan-job@first.service huracan-service@looker.service
for unit in huracan.service huracan-service@looker.service; do
  pid=$(systemctl show -P MainPID $unit)
  tr '\\0' '\\n' </proc/$pid/environ; tr '\\0' ' ' </proc/$pid/cmdline
done
journalctl --no-pager -b -u 'huracan*'
grep -rs -e PLAIN- -e SEALED- /etc/systemd /run/systemd/system /run/systemd/transient /var/lib/huracan-trial || true
"""


def test_secrets_reach_a_job_and_stand_in_no_unit_environment_command_line_or_log(trial: Trial) -> None:
    folder, sealed = "/etc/huracan/credentials", "/etc/huracan/credentials.encrypted/trial__sealed"
    trial.box.bash(
        f"umask 077; printf %s {SECRETS['plain']} >{folder}/trial__plain;"
        f"printf %s {SECRETS['sealed']} | systemd-creds encrypt --name=sealed_trial__sealed - {sealed}"
    )
    try:
        trial.afresh()
        trial.box.run(["huracan", "start", "trial"])
        assert trial.wait_for_state("done", "failed") == "done"
        trial.wait_for_count("looker")
        seen, shown = trial.seen(), trial.box.bash(WHERE_NO_SECRET_STANDS).stdout
    finally:
        trial.box.bash(f"rm -f {folder}/trial__plain {sealed}")
    assert seen["secrets"] == {name: hashlib.sha256(text.encode()).hexdigest() for name, text in SECRETS.items()}
    assert "LoadCredentialEncrypted" in shown
    assert "\nCREDENTIALS_DIRECTORY=/run/credentials/huracan.service\n" in shown
    for secret in SECRETS.values():
        assert secret not in shown + json.dumps(seen["environment"])


def test_status_and_journal_say_what_goes_on(trial: Trial) -> None:
    trial.afresh(orders="hold")
    trial.box.run(["huracan", "start", "trial"])
    trial.wait_for_count("second")
    trial.wait_for("systemctl status --no-pager huracan.service | grep -q 'Status: \"trial: second holds\"'", 20)
    job = trial.box.run(["systemctl", "status", "--no-pager", "huracan-job@second.service"]).stdout
    assert 'Status: "second holds"' in job
    assert "huracan.slice" in job
    asked = json.loads(trial.box.run(["huracan", "status", "--json"]).stdout)
    assert "second" in asked["running"]
    trial.go()
    assert trial.wait_for_state("done", "failed") == "done"
    assert "second starts (huracan-job@second.service)" in trial.box.journal("huracan.service")
    # What is down stays in systemd's memory, so that the next start of it is on time.
    listed = trial.box.run(["systemctl", "list-units", "--all", "--plain", "--no-legend", "huracan-job@*"]).stdout
    assert {" ".join(line.split()[:3]) for line in listed.splitlines()} >= {
        f"huracan-job@{name}.service loaded inactive" for name in ("first", "second", "third")
    }


def test_a_job_that_hangs_in_a_c_loop_is_killed_started_again_and_the_run_ends_well(trial: Trial) -> None:
    trial.afresh(orders="hang")
    trial.box.run(["huracan", "start", "trial"])
    assert trial.wait_for_state("done", "failed") == "done"
    assert (trial.count("first"), trial.count("second"), trial.count("third")) == (1, 2, 1)
    said = trial.box.journal("huracan-job@second.service")
    assert "Watchdog timeout" in said
    assert "jobs.py" in said  # where it hung


def test_a_job_that_is_slow_and_says_so_is_left_alone(trial: Trial) -> None:
    trial.afresh(orders="slow")  # twice its stall limit, with signs of life
    trial.box.run(["huracan", "start", "trial"])
    assert trial.wait_for_state("done", "failed") == "done"
    assert trial.count("second") == 1


def test_a_job_that_somebody_kills_is_started_again(trial: Trial) -> None:
    trial.afresh(orders="hold")
    trial.box.run(["huracan", "start", "trial"])
    trial.wait_for_count("second")
    trial.go()
    trial.box.run(["systemctl", "kill", "--signal=KILL", "huracan-job@second.service"])
    assert trial.wait_for_state("done", "failed") == "done"
    assert trial.count("first") == 1


def test_a_job_that_a_person_stops_rests_until_it_is_started_again(trial: Trial) -> None:
    trial.afresh(orders="hold")
    trial.box.run(["huracan", "start", "trial"])
    trial.wait_for_count("second")
    trial.box.run(["systemctl", "stop", "huracan-job@second.service"])
    trial.wait_for_state("interrupted")
    time.sleep(3)  # its pause before another attempt is a second
    assert trial.count("second") == 1
    assert trial.box.state("huracan-job@second.service") == "inactive"
    trial.go()
    trial.box.run(["huracan", "start", "trial"])
    assert trial.wait_for_state("done", "failed") == "done"
    assert (trial.count("first"), trial.count("second")) == (1, 2)


def test_a_daemon_that_is_killed_follows_the_job_that_it_left(trial: Trial) -> None:
    trial.afresh(orders="hold", trial="00:00")  # due, so the next daemon goes on with it
    trial.wait_for_count("second")
    trial.box.run(["systemctl", "kill", "--signal=KILL", "huracan.service"])
    trial.wait_for("test $(systemctl show -P NRestarts huracan.service) = 1 && systemctl is-active -q huracan.service")
    assert trial.box.state("huracan-job@second.service") == "active"
    trial.go()
    assert trial.wait_for_state("done", "failed") == "done"
    assert (trial.count("first"), trial.count("second"), trial.count("third")) == (1, 1, 1)


def test_after_a_power_cut_the_run_goes_on_and_repeats_nothing(trial: Trial) -> None:
    trial.afresh(orders="hold", trial="00:00")
    trial.wait_for_count("second")
    trial.box.crash()
    trial.box.boot()
    trial.go()
    assert trial.wait_for_state("done", "failed") == "done"
    assert (trial.count("first"), trial.count("second"), trial.count("third")) == (1, 2, 1)


def test_the_unprivileged_daemon_may_start_its_own_units_and_no_other(trial: Trial) -> None:
    trial.afresh()
    as_huracan = ["setpriv", "--reuid=huracan", "--regid=huracan", "--init-groups"]
    trial.box.run(["systemctl", "start", "polkit.service"])
    denied = trial.box.run(
        [*as_huracan, "systemctl", "--no-ask-password", "start", "systemd-tmpfiles-clean.service"], check=False
    )
    assert denied.returncode != 0
    assert "denied" in denied.stderr.lower() or "authentication" in denied.stderr.lower()
    for unit in ("huracan.service", "dbus.service"):
        assert trial.box.run([*as_huracan, "systemctl", "--no-ask-password", "stop", unit], check=False).returncode != 0
    trial.box.run([*as_huracan, "systemctl", "--no-ask-password", "restart", "huracan-service@looker.service"])


def test_only_a_job_that_declares_it_reaches_the_network(trial: Trial) -> None:
    trial.afresh()
    listener = "import socket,time; s=socket.create_server(('127.0.0.1', 18472)); time.sleep(600)"
    trial.box.run(["systemd-run", "--quiet", "--unit=listener", "python3", "-c", listener])
    trial.box.run(["tee", "/srv/reachable"], stdin="127.0.0.1 18472")
    trial.box.run(["huracan", "start", "reach"])
    trial.wait_for_state("partly-failed", "done", "failed", pipeline="reach")
    found = json.loads(trial.box.run(["huracan", "jobs", "--json"]).stdout)["jobs"]
    states = {each["name"]: each["last"]["state"] for each in found if each["pipeline"] == "reach"}
    trial.box.run(["systemctl", "stop", "listener"])
    assert states == {"open": "done", "shut": "partly-failed"}


def test_settings_that_are_wrong_are_refused_at_a_reload_and_the_old_ones_stay(trial: Trial) -> None:
    trial.afresh()
    trial.wait_for_count("looker")
    trial.box.run(["tee", "/etc/huracan/conf.d/95-wrong.yaml"], stdin="schedule: {pipelines: {trial: 'at noon'}}\n")
    told = trial.box.run(["huracan", "reload"], check=False)
    trial.box.run(["systemctl", "reload", "huracan.service"])
    trial.wait_for_alert("settings.refused", "not reloaded")
    time.sleep(2.5)  # a second one would come with the daemon's next round
    trial.box.run(["rm", "/etc/huracan/conf.d/95-wrong.yaml"])
    assert told.returncode == 2
    assert "95-wrong.yaml" in told.stderr
    assert trial.box.state("huracan.service") == "active"
    assert [alert["kind"] for alert in trial.alerts()].count("settings.refused") == 1
    trial.settings(trial="23:58")
    trial.box.run(["systemctl", "reload", "huracan.service"])
    trial.wait_for_count("looker", 2)  # services take the new settings too
    trial.wait_for("systemctl status --no-pager huracan.service | grep -q 'next: trial at 23:58Z'", 20)


# ----------------------------------------------------------------------------------------------------------- services


def _told(trial: Trial, unit: str) -> list[str]:
    told = [alert["title"] for alert in trial.alerts() if alert["kind"] == "unit.failed"]
    return [title for title in told if title.startswith(f"unit {unit} failed")]


def _wait_until_it_failed_again(trial: Trial, unit: str) -> None:
    """Wait until it was told of, started again, and failed again."""
    trial.wait_for_alert("unit.failed", f"unit {unit} failed")
    told = f"huracan-failed@{unit}.service"
    trial.wait_for(f"journalctl --output=cat --unit={told} | grep -q 'as was told before'")


def test_a_service_or_daemon_that_keeps_crashing_is_told_of_once_and_comes_back_when_the_cause_is_gone(
    trial: Trial,
) -> None:
    trial.afresh()
    trial.wait_for_count("looker")
    trial.box.run(["systemctl", "kill", "--signal=KILL", LOOKER])
    trial.wait_for_count("looker", 2)
    trial.put("looks", "crash")
    trial.drop_in(LOOKER, "soon", SOON)
    trial.drop_in(DAEMON, "broken", BROKEN)
    trial.drop_in("huracan-retry.timer", "soon", RETRY_SOON)
    trial.box.bash(f"systemctl reset-failed {LOOKER} {DAEMON}; systemctl restart --no-block {LOOKER} {DAEMON}")
    for unit in (LOOKER, DAEMON):
        _wait_until_it_failed_again(trial, unit)
    trial.put("looks", "")
    trial.drop_in(DAEMON, "broken", "")
    trial.wait_for(f"systemctl show -P StatusText {LOOKER} | grep -qx looks && systemctl is-active -q {DAEMON}")
    trial.drop_in(LOOKER, "soon", "")
    [looker], [_] = _told(trial, LOOKER), _told(trial, DAEMON)
    assert "(ValueError: the looker is broken)" in looker


# ------------------------------------------------------------------------------------------------------------- timers


def test_timers_play_a_pipeline_without_a_daemon_and_once_a_date(trial: Trial) -> None:
    trial.afresh()
    trial.settings("timers", trial="00:00")
    trial.order("partly")
    trial.box.bash(f"rm -f {STAMPS}/stamp-huracan-trial.timer")
    trial.install_units()  # from the one scheduler to the other
    assert trial.wait_for_state("partly-failed", "done", "failed", seconds=150) == "partly-failed"
    assert trial.box.state("huracan.service") == "inactive"
    timers = trial.box.run(["systemctl", "list-timers", "--no-pager", "--all"]).stdout
    assert "huracan-trial.timer" in timers
    assert trial.box.state("huracan-job@second.service") == "inactive"  # partly failed is no failed unit
    third = trial.box.run(["systemctl", "show", "-P", "InvocationID", "huracan-job@third.service"]).stdout.strip()
    trial.box.run(["systemctl", "start", "huracan-job@first.service"])
    again = f"! systemctl show -P InvocationID huracan-job@third.service | grep -Eq '^({third})?$'"
    trial.wait_for(f"{again} && systemctl show -P ActiveState huracan-job@third.service | grep -qx inactive")
    assert (trial.count("first"), trial.count("second"), trial.count("third")) == (1, 1, 1)


def test_in_a_chain_a_hanging_job_is_killed_and_started_again_by_systemd(trial: Trial) -> None:
    trial.afresh("timers", orders="hang", trial="00:00")
    trial.begin_chain("first")
    assert trial.wait_for_state("done", "failed") == "done"
    assert (trial.count("first"), trial.count("second"), trial.count("third")) == (1, 2, 1)


def test_in_a_chain_a_job_that_keeps_failing_is_given_up_told_of_once_and_the_rest_is_done(trial: Trial) -> None:
    trial.afresh("timers", orders="raise", trial="00:00")
    trial.begin_chain("first")
    assert trial.wait_for_state("failed", "done") == "failed"
    assert (trial.count("second"), trial.count("third")) == (3, 1)
    assert trial.jobs() == {"first": "done", "second": "failed", "third": "done"}
    trial.wait_for("systemctl is-failed -q huracan-job@second.service")  # the ledger knew before its process had ended
    told = "huracan-failed@huracan-job@second.service.service"
    trial.wait_for(f"journalctl --output=cat --unit={told} | grep -q 'its run tells of it'")
    assert [alert["kind"] for alert in trial.alerts()].count("job.failed") == 1
    assert "unit.failed" not in [alert["kind"] for alert in trial.alerts()]


def test_after_a_boot_a_timer_makes_up_for_a_missed_time_and_goes_on_with_what_a_power_cut_ended(trial: Trial) -> None:
    trial.afresh("timers", orders="hold", trial="00:00")
    assert trial.count("first") == 0
    trial.box.bash(f"touch -d '2 days ago' {STAMPS}/stamp-huracan-trial.timer")
    trial.box.reboot()
    trial.wait_for_count("second", seconds=45)  # sooner than OnBootSec= would have it: Persistent= did it
    trial.box.bash(
        "sed -n '/Timer/,$p' /etc/systemd/system/huracan-trial.timer | sed 's/OnBootSec=60/OnBootSec=10/;"
        "/Timer/a OnCalendar=' | install -D /dev/stdin /etc/systemd/system/huracan-trial.timer.d/90-soon.conf"
    )
    trial.box.reboot()
    trial.go()
    assert trial.wait_for_state("done", "failed") == "done"
    trial.drop_in("huracan-trial.timer", "soon", "")
    assert (trial.count("first"), trial.count("second"), trial.count("third")) == (1, 2, 1)


def test_with_timers_the_monitor_itself_that_keeps_crashing_is_told_of_once_and_comes_back(trial: Trial) -> None:
    trial.drop_in(MONITOR, "broken", BROKEN)
    trial.drop_in("huracan-retry.timer", "soon", RETRY_SOON)
    trial.afresh("timers", trial="00:00")
    _wait_until_it_failed_again(trial, MONITOR)
    trial.drop_in(MONITOR, "broken", "")
    trial.wait_for(f"systemctl show -P StatusText {MONITOR} | grep -q next")
    trial.drop_in("huracan-retry.timer", "soon", "")
    assert len(_told(trial, MONITOR)) == 1


# --------------------------------------------------------------------------------------------------- the bundled night


def _a_stranger_took_part(trial: Trial) -> None:
    names = ("alerts", "monitor", "safety", "stranger-watch", "sync", "telegram")
    services = [f"huracan-service@{name}.service" for name in names]
    assert {unit: trial.box.state(unit) for unit in services} == dict.fromkeys(services, "active")
    assert trial.jobs()["stranger-diary"] == "done"
    assert trial.rows("SELECT summary FROM job_runs WHERE job = 'stranger-diary'") == [["0 nights written down"]]
    diary = json.loads(trial.box.run(["cat", "/var/lib/huracan-trial/stranger/diary.json"]).stdout)
    assert diary["nights"] == []
    assert trial.box.bash("ls /var/lib/huracan-trial/exports/*/stranger_nights_*.csv").stdout
    shown = json.loads(trial.box.run(["huracan", "plugins", "--json"]).stdout)["plugins"]
    (stranger,) = [each for each in shown if each["name"] == "stranger"]
    assert (stranger["status"], stranger["error"], stranger["version"]) == ("enabled", None, "0.1.0")


@pytest.mark.soak  # chains of timers are held to all they promise above, with jobs that do less
def test_a_whole_night_is_played_by_a_timer_with_a_plugin_of_a_stranger_in_it(trial: Trial) -> None:
    trial.afresh("timers", bundled="hybrid", nightly="00:00")
    trial.begin_chain("prepare")
    assert trial.wait_for_state("done", "failed", "partly-failed", pipeline="nightly", seconds=240) == "done"
    assert trial.box.run(["ls", "/var/lib/huracan-trial/champions/roster.json"])
    assert "train: " in trial.box.journal("huracan-job@train.service")
    _a_stranger_took_part(trial)


def test_a_whole_night_with_a_stranger_in_it_is_played_by_the_daemon_though_a_power_cut_ends_its_training(
    trial: Trial,
) -> None:
    trial.afresh("daemon", bundled="sequential", nightly="00:00")
    completed = "SELECT item, path FROM run_items WHERE job = 'train' AND state = 'completed'"
    trained = trial.rows(completed, within=120)
    trial.box.reboot()
    assert trial.wait_for_state("done", "failed", "partly-failed", pipeline="nightly", seconds=240) == "done"
    assert trial.box.run(["ls", "/var/lib/huracan-trial/champions/roster.json"])
    jobs, coins = trial.attempts(), trial.attempts("run_items", "item")
    assert {job: times for job, times in jobs.items() if times != 1} == {"train": 2}
    assert trained
    assert {coin: coins[coin] for coin, _ in trained} == {coin: 1 for coin, _ in trained}
    assert sum(coins.values()) <= len(coins) + 1 == 4  # the one at work was begun again
    assert set(map(tuple, trained)) <= set(map(tuple, trial.rows(completed)))
    _a_stranger_took_part(trial)
