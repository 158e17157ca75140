"""The errors that cross borders inside Huracan.

::

    HuracanError                 the user, the data or the outside world is at fault: one line, no traceback
    ├── UsageError               a command line or setting is wrong                        exit 2
    │   └── SettingsError        which key, what is wrong, what to write instead           exit 2
    ├── LockedError              another run holds this workspace                          exit 5
    ├── TryAgainError            an outside service is away; the same call may work later  exit 75
    ├── DataError                a file, candle or reply cannot be used (`where` names it) exit 3
    ├── DeliveryError            a channel did not take a message (`permanent` or not)    exit 75
    ├── PluginError              a plugin did not do what its hook promises                exit 1
    └── StoreError               the database cannot be opened, read or migrated           exit 2
        └── StoreAwayError       the database is away or busy; the same call may work later exit 75

Everything else that is raised is a bug and prints a traceback (exit 1).
"""

from enum import IntEnum

__all__ = [
    "DataError",
    "DeliveryError",
    "ExitCode",
    "HuracanError",
    "LockedError",
    "PluginError",
    "SettingsError",
    "StopRequested",
    "StoreAwayError",
    "StoreError",
    "TryAgainError",
    "UsageError",
]


class ExitCode(IntEnum):
    """What a command or job says when it ends."""

    DONE = 0
    BUG = 1
    USAGE = 2
    PARTLY_FAILED = 3
    NOTHING_TO_DO = 4
    LOCKED = 5
    TRY_AGAIN = 75


class HuracanError(Exception):
    """Anything a person can mend; its text is the one line that they read."""

    exit_code = ExitCode.BUG


class UsageError(HuracanError):
    """A command line or setting that cannot be obeyed."""

    exit_code = ExitCode.USAGE


class SettingsError(UsageError):
    """A setting that is unknown, of the wrong type or out of range."""


class LockedError(HuracanError):
    """Another process works on this workspace."""

    exit_code = ExitCode.LOCKED


class TryAgainError(HuracanError):
    """Something outside is away at the moment; the job is retried."""

    exit_code = ExitCode.TRY_AGAIN


class DataError(HuracanError):
    """Data that must not be used. ``where`` names the file or symbol, the text says what is wrong with it."""

    exit_code = ExitCode.PARTLY_FAILED

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")
        self.where = where
        self.what = what


class DeliveryError(HuracanError):
    """A channel did not take a message.

    ``permanent``: the same message will never be taken (no such chat, text refused), so nobody tries it again.
    ``retry_after`` are seconds that the other side asked for before the next attempt, None where it did not say.
    ``uncertain``: it may have arrived all the same (the answer was lost), so the next attempt is marked as repeated.
    """

    exit_code = ExitCode.TRY_AGAIN

    def __init__(
        self, what: str, *, permanent: bool = False, retry_after: float | None = None, uncertain: bool = False
    ) -> None:
        super().__init__(what)
        self.permanent = permanent
        self.retry_after = retry_after
        self.uncertain = uncertain


class PluginError(HuracanError):
    """A plugin broke its side of the contract."""

    exit_code = ExitCode.BUG


class StoreError(HuracanError):
    """The database is none of ours, damaged, or newer than this program; or it is away."""

    exit_code = ExitCode.USAGE


class StoreAwayError(StoreError):
    """The database does not answer, or is busy for too long: that may pass."""

    exit_code = ExitCode.TRY_AGAIN


class StopRequested(BaseException):
    """SIGTERM or SIGINT arrived: leave, what was finished is kept. Not an Exception, so that no guard swallows it."""
