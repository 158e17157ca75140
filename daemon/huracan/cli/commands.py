"""Which commands exist: a small table of the core's, and what plugins add. Importing this loads none of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from huracan.errors import UsageError
from huracan.plugin.selection import only_from, tracer_from
from huracan.types import Command

__all__ = ["BUILT_IN", "INTERNAL", "find", "from_plugins"]

BUILT_IN = (
    Command("run", "run a pipeline or one job now", "huracan.cli.run"),
    Command("daemon", "run pipelines on schedule and keep services alive, in the foreground", "huracan.cli.daemon"),
    Command("start", "let the daemon run a pipeline or one job now", "huracan.cli.start"),
    Command("stop", "let the daemon stop what runs; it goes on at the next start", "huracan.cli.stop"),
    Command("reload", "let the daemon read its settings anew", "huracan.cli.reload"),
    Command("status", "show the last runs, what runs now and what comes next", "huracan.cli.status"),
    Command("history", "list past runs", "huracan.cli.history"),
    Command("jobs", "list the declared jobs in their order, with limits and last result", "huracan.cli.jobs"),
    Command("doctor", "run every health check and say how to mend what fails", "huracan.cli.doctor"),
    Command("health", "show the history of the health checks: states, error rates, latency", "huracan.cli.health"),
    Command("plugins", "list installed plugins and how each stands", "huracan.cli.plugins"),
    Command("plugin", "make the package of a new plugin", "huracan.cli.plugin"),
    Command("units", "render, check and install the units of systemd", "huracan.cli.units"),
    Command("kill", "stop trading at once: the kill switch, which only `huracan resume` lifts", "huracan.cli.kill"),
    Command("pause", "pause the schedule: no pipeline starts by itself", "huracan.cli.pause"),
    Command("resume", "lift the kill switch, or the pause of the schedule", "huracan.cli.resume"),
    Command("settings", "show effective settings, or print the commented default", "huracan.cli.settings"),
    Command("completion", "print the script by which a shell completes commands and names", "huracan.cli.completion"),
)

INTERNAL = (
    Command("job", "work on one job of a run; started by `huracan run`", "huracan.cli.job"),
    Command("service", "run one service; started by `huracan daemon`", "huracan.cli.service"),
    Command("tell-trading", "tell what changed in trading.json; started by `huracan kill`", "huracan.cli.tell_trading"),
)


def find(name: str, environment: Mapping[str, str], config: Sequence[Path] | None) -> Command:
    """Return the command of this name; plugins are asked only where it is none of the core's.

    Raises UsageError for an unknown name and for the command of a plugin that the settings switch off.
    """
    for command in (*BUILT_IN, *INTERNAL):
        if command.name == name:
            return command
    offered, owners, problems = from_plugins(environment, _state(environment, config))
    if name not in offered:
        import difflib

        known = [command.name for command in BUILT_IN] + list(offered)
        near = difflib.get_close_matches(name, known, n=1)
        advice = f"did you mean `{near[0]}`?" if near else "see `huracan --help`"
        broken = f"; {len(problems)} plugins do not work, see `huracan plugins`" if problems else ""
        raise UsageError(f"there is no command `{name}`; {advice}{broken}")
    _refuse_switched_off(name, owners[name], environment, config)
    return offered[name]


def from_plugins(
    environment: Mapping[str, str], state: Path | None = None
) -> tuple[dict[str, Command], dict[str, str], list[str]]:
    """Return plugins' commands by name, the plugin that owns each, and one line per plugin that does not work.

    A workspace's ``state`` remembers how strangers did when they were tried.
    """
    import logging

    from huracan.plugin.manager import Plugins
    from huracan.plugin.trial import Trials

    logging.getLogger("huracan").addHandler(logging.NullHandler())
    trials, tracer = Trials.of(environment, state), tracer_from(environment)
    plugins = Plugins(only=only_from(environment), trials=trials, tracer=tracer)
    asked = plugins.commands()
    taken = {command.name for command in (*BUILT_IN, *INTERNAL)}
    offered = {name: command for name, command in asked.items() if name not in taken}
    problems = plugins.problems() + [
        f"plugin {asked.owners[name]}: its command {name} is refused, huracan has one of that name"
        for name in asked
        if name in taken
    ]
    return offered, {name: asked.owners[name] for name in offered}, problems


def _state(environment: Mapping[str, str], config: Sequence[Path] | None) -> Path | None:
    from huracan.errors import SettingsError
    from huracan.workspace import find_workspace

    try:
        return find_workspace(config, environment)[0] / "state"
    except SettingsError:
        return None  # the command itself says what is wrong


def _refuse_switched_off(name: str, plugin: str, environment: Mapping[str, str], config: Sequence[Path] | None) -> None:
    from huracan.config import RawSettings

    settings = RawSettings.read(config, environment).core().plugins
    by_only = "HURACAN_PLUGINS_ONLY" not in environment and settings.only and plugin not in settings.only
    if plugin in settings.disable or by_only:
        raise UsageError(
            f"`{name}` belongs to plugin {plugin}, which the settings switch off (plugins.disable or only)"
        )
