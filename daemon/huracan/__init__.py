"""Huracan: what a plugin author imports first.

``hookimpl`` marks a function of a plugin as the implementation of a hook of :mod:`huracan.plugin.spec`;
``API_VERSION`` is the version of that contract, to be compared with a plugin's own ``HURACAN_API``; ``OLDEST_API`` is
the oldest one for which plugins may be made that work here.
"""

__all__ = ["API_VERSION", "OLDEST_API", "__version__", "hookimpl"]

__version__ = "0.5.0"

API_VERSION = 2
"""Raised when a part of the contract goes or changes its meaning (docs/reference/hook-changes.md)."""

OLDEST_API = 2
"""Raised when something is taken away that plugins of an older version use; those are not loaded any more."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pluggy

    hookimpl = pluggy.HookimplMarker("huracan")


def __getattr__(name: str) -> object:
    """Load pluggy when a plugin asks for its marker: it is a fifth of the time that ``huracan kill`` has."""
    if name != "hookimpl":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import pluggy

    marker = globals()["hookimpl"] = pluggy.HookimplMarker("huracan")
    return marker
