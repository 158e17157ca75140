"""Writes units: one file per kind and a drop-in per job and service, so that `systemctl cat` says who declared what.

Paths are those below ``/etc``: ``systemd/system/huracan.service``, ``sysusers.d/huracan.conf``. Nothing here looks at
the machine: the same declarations give the same bytes anywhere.
"""

from __future__ import annotations

from pathlib import Path

from huracan.errors import ExitCode
from huracan.run.plan import INTERRUPTED_CODE
from huracan.types import Job, Resources, Service
from huracan.units.declared import Declared, is_hidden
from huracan.units.hardening import SHARED, reach
from huracan.units.names import SYSTEM, command_word, job_unit, one_line, quoted, seconds, service_unit, timer_unit
from huracan.units.retry import RETRY_TIMER, SEEN_BY_RETRY, limit_of_starts, loop, retry
from huracan.units.timers import timers

__all__ = ["render"]

_HEAD = (
    "# Rendered by `huracan units` from what plugins declare: it is written anew; change it with `systemctl edit`.\n"
)
_GOOD_ENDS = f"{int(ExitCode.PARTLY_FAILED)} {int(ExitCode.NOTHING_TO_DO)} {INTERRUPTED_CODE}"
CACHE = "compiled"
"""Folder beside `bin` of the command, for modules compiled as :data:`LEAN` says."""
LEAN = {"PYTHONOPTIMIZE": "2", "PYTHONNODEBUGRANGES": "1"}
"""Has Python load code without its texts and without the columns that tracebacks underline."""
CREDENTIALS = "/etc/huracan/credentials"
ENCRYPTED = "/etc/huracan/credentials.encrypted"


def render(declared: Declared) -> dict[str, str]:
    """Return the text of every file by its path below /etc."""
    files = {
        f"{SYSTEM}/huracan.target": _target(declared),
        f"{SYSTEM}/huracan.slice": _SLICE,
        f"{SYSTEM}/huracan.service": _daemon(declared),
        f"{SYSTEM}/huracan-job@.service": _job_template(declared),
        f"{SYSTEM}/huracan-service@.service": _service_template(declared),
        f"{SYSTEM}/huracan-failed@.service": _failed_template(declared),
        **dict(retry()),
        "sysusers.d/huracan.conf": _SYSUSERS.format(workspace=quoted(declared.workspace)),
        "tmpfiles.d/huracan.conf": _TMPFILES.format(workspace=quoted(declared.workspace)),
        "polkit-1/rules.d/50-huracan.rules": _POLKIT,
    }
    for jobs in declared.pipelines.values():
        for job in jobs:
            files[f"{SYSTEM}/{job_unit(job.name)}.d/50-declared.conf"] = _job(declared, job)
    for service in declared.services:
        files[f"{SYSTEM}/{service_unit(service.name)}.d/50-declared.conf"] = _service(declared, service)
    if declared.scheduler == "timers":
        files |= dict(timers(declared))
    return {
        path: _HEAD.replace("#", "//") + text if path.endswith(".rules") else _HEAD + text
        for path, text in files.items()
    }


# ------------------------------------------------------------------------------------------------------ the whole

_SLICE = """\
[Unit]
Description=Huracan: all its processes together

[Slice]
CPUAccounting=yes
MemoryAccounting=yes
TasksAccounting=yes
"""

_SYSUSERS = """\
u huracan - "Huracan" {workspace}
"""

_TMPFILES = f"""\
d {{workspace}} 0750 huracan huracan
d {CREDENTIALS} 0700 root root
d {ENCRYPTED} 0700 root root
"""

_USER = f"""\
User=huracan
Group=huracan
Slice=huracan.slice
KillMode=mixed
# Secrets: each file of these folders is one setting, named as remote__token; they are seen by the unit alone.
LoadCredential=settings:{CREDENTIALS}
LoadCredentialEncrypted=sealed:{ENCRYPTED}
# Polars would ask the processor by way of memory that is written and executed, which is denied below.
Environment=PYTHONUNBUFFERED=1 MALLOC_ARENA_MAX=2 POLARS_SKIP_CPU_CHECK=1
"""

_POLKIT = r"""// The daemon, which runs as user huracan, may start and stop its own jobs and services, and nothing else.
polkit.addRule(function (action, subject) {
  if (action.id !== "org.freedesktop.systemd1.manage-units" || subject.user !== "huracan") {
    return polkit.Result.NOT_HANDLED;
  }
  var verbs = ["start", "stop", "restart", "try-restart", "reset-failed", "ref", "kill"];
  var ours = /^huracan-(job|service)@[A-Za-z0-9:_.-]+\.service$/;
  var allowed = ours.test(action.lookup("unit")) && verbs.indexOf(action.lookup("verb")) !== -1;
  return allowed ? polkit.Result.YES : polkit.Result.NOT_HANDLED;
});
"""


_DAEMON_SILENCE, _DAEMON_PAUSE = 60.0, 10.0


def _target(declared: Declared) -> str:
    wanted = [RETRY_TIMER, *(service_unit(service.name) for service in declared.services)]
    if declared.scheduler == "daemon":
        wanted.insert(0, "huracan.service")
    else:
        wanted += ["huracan-chain.service", *(timer_unit(name) for name in sorted(declared.times))]
    lines = "".join(f"Wants={unit}\n" for unit in wanted)
    return f"""\
[Unit]
Description=Huracan, started by {"its daemon" if declared.scheduler == "daemon" else "timers"}
Wants=network-online.target
After=network-online.target
{lines}
[Install]
WantedBy=multi-user.target
"""


def _daemon(declared: Declared) -> str:
    return f"""\
[Unit]
Description=Huracan: starts pipelines when they are due and follows them
PartOf=huracan.target
After=network-online.target dbus.service
OnFailure=huracan-failed@%n.service
RequiresMountsFor={quoted(declared.workspace)}
{limit_of_starts(_DAEMON_SILENCE, _DAEMON_PAUSE)}
[Service]
Type=notify
NotifyAccess=main
# What is wrong here the daemon finds as well, and ends with a code that says whether to try again.
ExecStartPre=-{_command(declared)} units migrate
ExecStart={_lean_command(declared)} daemon --units
ExecReload=/bin/kill -HUP $MAINPID
# It is there all day: without the texts of its modules it needs a twentieth less memory.
Environment={" ".join(f"{name}={value}" for name, value in LEAN.items())} PYTHONPYCACHEPREFIX={_cache(declared)}
{_USER}\
RuntimeDirectory=huracan
RuntimeDirectoryMode=0750
# Its loop reports every other second.
WatchdogSec={seconds(_DAEMON_SILENCE)}
TimeoutStartSec=180
TimeoutStopSec=90
Restart=always
RestartSec={seconds(_DAEMON_PAUSE)}
{SEEN_BY_RETRY}\
RestartPreventExitStatus={int(ExitCode.USAGE)}
{_folders(declared)}\
{SHARED}\
{reach(Resources(network=True), declared.database)}"""


# ----------------------------------------------------------------------------------------------- jobs and services


def _job_template(declared: Declared) -> str:
    return _template(
        declared,
        "job",
        target="# A restart of the target does not start what ran: whoever leads the run does.\n"
        "StopPropagatedFrom=huracan.target",
        limit="# The ledger counts attempts, the daemon pauses between them.\nStartLimitIntervalSec=0\n",
        ends="# Partly failed, nothing to do, interrupted: "
        "told apart by their number, and none of them a failed unit.\n"
        f"SuccessExitStatus={_GOOD_ENDS}",
        default="RuntimeMaxSec=8h",
    )


def _service_template(declared: Declared) -> str:
    return _template(
        declared,
        "service",
        target="PartOf=huracan.target",
        limit=limit_of_starts(0.0, 0.0),
        ends=f"Restart=always\n{SEEN_BY_RETRY}RestartPreventExitStatus={int(ExitCode.USAGE)}",
        default="RestartSec=15",
    )


def _template(declared: Declared, kind: str, *, target: str, limit: str, ends: str, default: str) -> str:
    """Write what all jobs, or all services, have in common; ``default`` holds until a drop-in says better."""
    return f"""\
[Unit]
Description=Huracan {kind} %i
{target}
After=network-online.target
OnFailure=huracan-failed@%n.service
RequiresMountsFor={quoted(declared.workspace)}
{limit}
[Service]
Type=notify
NotifyAccess=main
ExecStart={_command(declared)} {kind} %i --unit
{_USER}\
{ends}
TimeoutStartSec=180
TimeoutStopSec=60
# For one whose own file is not installed yet; its file says what holds.
WatchdogSec=300
{default}
{_folders(declared)}\
{SHARED}\
{reach(Resources(), declared.database)}"""


def _failed_template(declared: Declared) -> str:
    return f"""\
[Unit]
Description=Huracan: tells that %i failed

[Service]
Type=oneshot
ExecStart={_command(declared)} units failed %i
{_USER}\
TimeoutStartSec=120
{_folders(declared)}\
{SHARED}\
{reach(Resources(network=True), declared.database)}"""


def _job(declared: Declared, job: Job) -> str:
    return f"""\
{_said(declared, "job", job)}
[Service]
# Its heartbeat comes as each step ends; silence for longer than this means that it hangs.
WatchdogSec={seconds(job.stall_limit)}
RuntimeMaxSec={seconds(job.time_limit)}
{_resources(declared, job.resources)}"""


def _service(declared: Declared, service: Service) -> str:
    pause = max(10.0, service.restart_delay)
    return f"""\
{_said(declared, "service", service)}
[Unit]
{loop(service.stall_limit, pause)}
[Service]
WatchdogSec={seconds(service.stall_limit)}
RestartSec={seconds(pause)}
{_resources(declared, service.resources)}"""


def _said(declared: Declared, kind: str, one: Job | Service) -> str:
    owner = declared.owners.get(f"{kind} {one.name}", "?")
    return f"# {one_line(one.description)} (plugin {one_line(owner)})"


def _resources(declared: Declared, resources: Resources) -> str:
    memory = f"MemoryMax={resources.memory_mib}M\n" if resources.memory_mib is not None else ""
    return f"""\
CPUWeight={resources.cpu_weight}
IOSchedulingClass={resources.io_class}
{memory}\
{reach(resources, declared.database)}"""


# ------------------------------------------------------------------------------------------------------------- shared


def _command(declared: Declared) -> str:
    return " ".join([command_word(declared.command), *_config(declared)])


def _lean_command(declared: Declared) -> str:
    python = Path(declared.command).parent / "python"
    return " ".join([command_word(python), "-P -m huracan.lean", *_config(declared)])


def _config(declared: Declared) -> list[str]:
    return [f"-c {command_word(file)}" for file in declared.config]


def _cache(declared: Declared) -> str:
    return quoted(Path(declared.command).parent.parent / CACHE)


def _folders(declared: Declared) -> str:
    lines = [_written(declared.workspace, must=True)]
    lines += [_written(path, must=False) for path in declared.written]
    lines += [f"BindReadOnlyPaths={quoted(f'-{path}')}" for path in declared.read]
    return "# What it may write, and read of homes, as the settings name it.\n" + "\n".join(lines) + "\n"


def _written(path: Path, *, must: bool) -> str:
    """Let a folder be written; one that the sandbox hides has to be brought in as well."""
    name = "BindPaths" if is_hidden(path) else "ReadWritePaths"
    return f"{name}={quoted(path if must else f'-{path}')}"
