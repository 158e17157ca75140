"""Tells the owner what is wrong with plugins: once for each culprit and reason, not at every start of a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from huracan.clock import SystemClock
from huracan.masking import mask
from huracan.plugin.status import PluginStatus
from huracan.plugin.troubles import STANDING, Trouble, tell_once
from huracan.types import Severity

if TYPE_CHECKING:
    from huracan.context import Context
    from huracan.plugin.status import PluginInfo

__all__ = ["tell_of_misdeed", "tell_of_plugins"]

_FINE = frozenset({PluginStatus.ENABLED, PluginStatus.DISABLED})


def tell_of_plugins(context: Context) -> None:
    """Send an event for each plugin that does not work, as far as this process knows and the owner does not yet."""
    for info in context.plugins.infos():
        if info.status not in _FINE:
            title = f"plugin {info.name} ({_whole_name(info)}) does not work, {info.status}: {info.error}"
            hint = "the others go on without it; `huracan plugins` shows how each stands"
            _tell(context, info, STANDING, f"{info.status}: {info.error}", title, hint)


def tell_of_misdeed(context: Context, plugin: str, about: str, reason: str, *, told: bool = False) -> None:
    """Send an event for what a plugin that works did, and keep it for `huracan plugins`.

    With ``told`` another event says it, each time that it happens: it is only kept.
    """
    info = next((each for each in context.plugins.infos() if each.name == plugin), None)
    if info is not None:
        title = "" if told else f"plugin {plugin} ({_whole_name(info)}), {about}: {reason}"
        _tell(context, info, about, reason, title, "`huracan plugins` keeps it in mind until it is over")


def _tell(context: Context, info: PluginInfo, about: str, reason: str, title: str, hint: str) -> None:
    trouble = Trouble(info.name, info.version, about, mask(reason))

    def tell() -> None:
        context.emit(
            "plugin.failed", Severity.ERROR, title, plugin=info.name, distribution=info.distribution, about=about,
            reason=reason, hint=hint,
        )  # fmt: skip

    # Not the clock of a run, which stands still.
    tell_once(context.paths.state, trouble, SystemClock().now(), tell if title else _silence)


def _whole_name(info: PluginInfo) -> str:
    return f"{info.distribution} {info.version}".strip()


def _silence() -> None:
    """Say nothing."""
