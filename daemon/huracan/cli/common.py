"""What commands share: opening the application, printing JSON, the console for tables."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from huracan.config import Settings
    from huracan.context import Context, Progress
    from huracan.logs import LogStyle
    from huracan.plugin.manager import Plugins

__all__ = ["console", "environment", "json_option", "load", "open_context", "order_daemon", "positive", "show_json"]


def json_option(parser: argparse.ArgumentParser) -> None:
    """Let the command understand ``--json``; call it from ``configure`` where something is shown."""
    parser.add_argument("--json", action="store_true", help="print JSON for programs instead of a table")


def positive(text: str) -> int:
    """Read a whole number of at least 1, as the type of an option. Raises ArgumentTypeError."""
    try:
        number = min(int(text), 1_000_000)  # a database counts no further than 63 bits
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return number


def environment(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the environment that settings are read from; ``--verbose`` and ``--symbols`` are settings in it."""
    from huracan.settings_sources import as_options

    said = {}
    if getattr(arguments, "symbols", None) and isinstance(arguments.symbols, str):
        said["HURACAN_TRAINING__SYMBOLS"] = arguments.symbols
    if arguments.verbose:
        said["HURACAN_LOGGING__LEVEL"] = "debug"
    return as_options(os.environ, said)


def load(arguments: argparse.Namespace, *, require_good_settings: bool = True) -> tuple[Settings, Plugins]:
    """Load settings and plugins without opening store and log; what plugins do wrong is in their status."""
    import logging

    from huracan.app import load_settings

    logging.getLogger("huracan").addHandler(logging.NullHandler())
    settings, plugins = load_settings(
        arguments.config, environment(arguments), require_good_settings=require_good_settings
    )
    for note in settings.notes:
        print(f"huracan: {note}", file=sys.stderr)
    return settings, plugins


def open_context(
    arguments: argparse.Namespace,
    *,
    progress: Progress | None = None,
    log_style: LogStyle = "human",
    require_good_settings: bool = True,
    create: bool = True,
) -> Context:
    """Open the application as the command line asks. Commands that only look pass ``create=False``."""
    from huracan.app import open_application

    return open_application(
        arguments.config,
        environment(arguments),
        progress=progress,
        log_style=log_style,
        require_good_settings=require_good_settings,
        create=create,
    )


def order_daemon(arguments: argparse.Namespace, request: Mapping[str, Any]) -> dict[str, Any]:
    """Send a request to the daemon of these settings, in this user's name. Raises as :func:`huracan.control.ask`."""
    from huracan.config import RawSettings
    from huracan.control import ask, socket_path
    from huracan.workspace import user_name

    core = RawSettings.read(arguments.config, environment(arguments)).core()
    return ask(socket_path(core), {"by": user_name(os.getuid()), **request})


def console(arguments: argparse.Namespace, *, stderr: bool = False) -> Console:
    """Return a console for tables; without a terminal it is as wide as the text needs, up to 200 columns."""
    from rich.console import Console

    class PipeAware(Console):
        """Leaves a reader that went away to :func:`huracan.cli.failures.guarded`; rich would end with code 1."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else 160
    return PipeAware(file=stream, no_color=arguments.no_color or None, width=width, highlight=False, soft_wrap=False)


def show_json(value: Any) -> None:
    """Print ``value`` as JSON with sorted keys."""
    from huracan.paths import canonical_json

    sys.stdout.write(canonical_json(value).decode())
