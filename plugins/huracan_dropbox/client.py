"""The one module that speaks to Dropbox: asks patiently, and says in one line what its errors mean.

The SDK refreshes access tokens (they live four hours) by itself, also in the middle of an upload. Its own retries are
switched off: a wait must be said, and end.
"""

from __future__ import annotations

import errno
import random
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.request import getproxies

from huracan.errors import DataError, TryAgainError, UsageError
from huracan_dropbox.settings import DropboxSettings

__all__ = ["Client", "RefusedError", "tags", "trust_only_its_file"]

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0

_NO_ACCESS = {
    "invalid_access_token": "access was revoked or was never given",
    "expired_access_token": "the token has expired and cannot be renewed",
    "user_suspended": "the account is suspended",
    "invalid_select_user": "the account is not the one that gave access",
    "missing_scope": "the app lacks a permission: files.metadata.read, files.content.read and files.content.write",
    "route_access_denied": "the app may not do this",
}
_LOGIN = "run `huracan dropbox login`"
_FULL = "insufficient_space"
_BUSY = {"too_many_write_operations", "too_many_requests", "internal_error"}
_BAD_NAME = {"malformed_path", "disallowed_name", "invalid_path", "restricted_content"}


class RefusedError(Exception):
    """An answer of Dropbox that the caller may know what to do with; ``tags`` are its words, outermost first."""

    def __init__(self, words: tuple[str, ...], error: Any) -> None:
        super().__init__(" / ".join(words))
        self.tags = words
        self.error = error


class Client:
    """Calls the SDK's methods by name. Raises UsageError where settings or access are missing."""

    def __init__(self, settings: DropboxSettings, tell: Callable[[str], None]) -> None:
        import dropbox

        if not settings.app_key or not settings.refresh_token.get_secret_value():
            raise UsageError(f"dropbox: remote.app_key and remote.refresh_token are not set: {_LOGIN}")
        self._patience, self._tell = settings.patience_seconds, tell
        self._dice = random.Random(0)
        self._session = dropbox.create_session(
            max_connections=8, ca_certs=str(settings.ca_file) if settings.ca_file else None
        )
        if settings.ca_file:
            trust_only_its_file(self._session)
        self._dropbox = dropbox.Dropbox(
            oauth2_refresh_token=settings.refresh_token.get_secret_value(),
            app_key=settings.app_key,
            app_secret=settings.app_secret.get_secret_value() or None,
            session=self._session,
            timeout=settings.timeout_seconds,
            max_retries_on_error=0,
            max_retries_on_rate_limit=0,
            user_agent="huracan-engine",
        )

    def call(self, method: str, *arguments: Any, subject: str = "", expects: bool = False, **options: Any) -> Any:
        """Return what a method answers.

        Raises TryAgainError where Dropbox is away, busy for too long or full, UsageError where it refuses us, DataError
        for a name that it does not take; any other refusal is a RefusedError where the caller ``expects`` some, else a
        TryAgainError.
        """
        give_up, failures = time.monotonic() + self._patience, 0
        while True:
            try:
                return self._once(method, arguments, options, subject)
            except RefusedError as error:
                if expects:
                    raise
                raise TryAgainError(f"dropbox: {subject or method} is refused ({' / '.join(error.tags)})") from None
            except _LaterError as error:
                failures += 1
                pause = error.seconds
                if pause is None:
                    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (failures - 1)) * self._dice.uniform(0.5, 1.5)
                if time.monotonic() + pause > give_up:
                    raise TryAgainError(f"dropbox: {error.reason}; tried {failures} times") from None
                if pause > 1:
                    self._tell(f"dropbox: {error.reason}; waiting {pause:.0f} s")
                time.sleep(pause)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _once(self, method: str, arguments: tuple[Any, ...], options: dict[str, Any], subject: str) -> Any:
        import requests
        from dropbox import exceptions
        from stone.backends.python_rsrc.stone_validators import ValidationError

        try:
            return getattr(self._dropbox, method)(*arguments, **options)
        except exceptions.RateLimitError as error:
            raise _LaterError("asks us to slow down", error.backoff) from None
        except exceptions.AuthError as error:
            raise UsageError(f"dropbox: {_no_access(error)}: {_LOGIN}") from None
        except exceptions.BadInputError as error:
            raise UsageError(f"dropbox: {_bad_input(str(error.message))}: {_LOGIN}") from None
        except exceptions.ApiError as error:
            raise _meant(tuple(tags(error.error)), error, subject) from None
        except exceptions.HttpError as error:
            raise _LaterError(f"is away (answered {error.status_code})") from None
        except requests.exceptions.SSLError:
            raise UsageError("dropbox: its certificate is not trusted: see remote.ca_file") from None
        except (AssertionError, ValueError, KeyError, ValidationError) as error:
            # What the SDK says of an answer that is not Dropbox's: a captive portal, a proxy's page, half a reply.
            raise _LaterError(f"answers what nobody understands ({type(error).__name__})") from None
        except (requests.exceptions.RequestException, OSError) as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
                raise  # this machine's disk, not Dropbox
            raise _LaterError(f"is away ({type(error).__name__})") from None


def trust_only_its_file(session: Any) -> None:
    """Keep REQUESTS_CA_BUNDLE from replacing the certificates that were set; proxies are still the environment's."""
    session.proxies = getproxies()
    session.trust_env = False


class _LaterError(Exception):
    def __init__(self, reason: str, seconds: float | None = None) -> None:
        super().__init__(reason)
        self.reason, self.seconds = reason, seconds


def tags(value: Any) -> Iterator[str]:
    """Yield the tags of a union of the SDK and of those inside it, outermost first."""
    while value is not None and isinstance(getattr(value, "_tag", None), str):
        yield value._tag
        inner = value._value
        value = getattr(inner, "reason", inner)


def _meant(words: tuple[str, ...], error: Any, subject: str) -> Exception:
    if _FULL in words:
        return TryAgainError("dropbox: the account is full: make room there, or enlarge it")
    if _BUSY & set(words):
        return _LaterError(f"is busy ({words[-1]})")
    if _BAD_NAME & set(words):
        return DataError(subject, f"Dropbox does not take this name ({words[-1]})")
    if "no_write_permission" in words or "team_folder" in words:
        return UsageError(f"dropbox: {subject} may not be written there ({words[-1]}): see remote.folder")
    return RefusedError(words, error)


def _no_access(error: Any) -> str:
    found = next(iter(tags(error.error)), "") if error.error is not None else ""
    return _NO_ACCESS.get(found, f"access is refused ({found or 'no reason given'})")


def _bad_input(message: str) -> str:
    if "invalid_client" in message or "app key" in message.lower():
        return "the app key is not known there"
    return "the request is refused (" + " ".join(message.split())[:120] + ")"
