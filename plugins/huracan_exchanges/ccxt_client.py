"""The one place that speaks to ccxt: a single client, in a thread of its own, that is patient and always closed.

All requests go through this client's throttler, whatever thread they come from. A request that fails because the
exchange is away, or asks for a pause, is made again until the patience of the settings is used up; a pause that the
exchange names (Retry-After, a ban) is kept by every request.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from typing import Any

from huracan.errors import DataError, SettingsError, TryAgainError, UsageError
from huracan.settings_sources import nearest
from huracan.types import MarketKind
from huracan_exchanges.settings import CcxtSettings

__all__ = ["CcxtClient", "Tell"]

Tell = Callable[[str], None]
"""Told, for a person and as a sign of life, before each part of a wait."""

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 60.0
TELL_EVERY = 30.0
CLOSE_WITHIN = 10.0


class CcxtClient:
    """Calls ccxt's unified methods by name and waits for their answers. ``close`` ends it for good.

    Raises SettingsError for an exchange that ccxt does not know.
    """

    def __init__(self, settings: CcxtSettings, tell: Tell) -> None:
        self.name = settings.id
        self._patience = settings.patience_seconds
        self._tell = tell
        self._rest_until = 0.0
        self._dice = random.Random(0)
        kind = _attentive(settings.id)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"ccxt {settings.id}", daemon=True)
        self._door = threading.Lock()
        self._closed = False
        self._client: Any = None
        self._thread.start()
        try:
            self._client = self._wait(
                lambda: self._make(kind, _configuration(settings), settings.market_type is MarketKind.PERPETUAL)
            )
        except Exception as error:  # noqa: BLE001 - ccxt raises whatever its own code stumbles over
            self.close()
            raise SettingsError(f"exchange.options: ccxt cannot use them: {_short(error)}") from None

    def call(self, method: str, *arguments: Any, subject: str = "", patience: float | None = None) -> Any:
        """Return what a method answers. ``subject`` names in errors what was asked for (a pair);
        ``patience`` (seconds) takes the place of the settings' one.

        Raises TryAgainError where the exchange stays away, DataError where it refuses the question, UsageError where it
        refuses us.
        """
        longest = self._patience if patience is None else patience
        return self._wait(lambda: self._patiently(method, arguments, subject or self.name, longest))

    def has(self, method: str) -> bool:
        """Say whether the exchange has a unified method, by ccxt's own name (``fetchTickers``)."""
        return self._client.has.get(method) is True

    def page_limit(self, symbol: str, method: str, default: int) -> int:
        """Return how many rows a page of ``method`` holds at most, as ccxt documents it."""
        limit = self._client.feature_value(symbol, method, "limit", default)
        return int(limit) if limit else default

    def milliseconds(self) -> int:
        """Return what time it is to ccxt, ms since 1970."""
        return int(self._client.milliseconds())

    def timeframes(self) -> Mapping[str, Any]:
        """Return the timeframes that the exchange has, by ccxt's names; empty where it does not say."""
        return self._client.timeframes or {}

    def close(self) -> None:
        """End every request, close the connections and the thread."""
        with self._door:
            if self._closed:
                return
            self._closed = True
            shut = asyncio.run_coroutine_threadsafe(self._shut(), self._loop)
        # A connection that does not let itself be closed must not cost what was done with it.
        with contextlib.suppress(Exception):
            shut.result(CLOSE_WITHIN)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSE_WITHIN)
        if not self._thread.is_alive():
            self._loop.close()

    async def _shut(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        if self._client is not None:
            await self._client.close()

    def _wait(self, begin: Callable[[], Any]) -> Any:
        """Run a coroutine in the loop. Whoever comes after :meth:`close` is turned away: nobody would answer."""
        with self._door:
            if self._closed:
                raise TryAgainError(f"{self.name}: the connection was closed")
            future = asyncio.run_coroutine_threadsafe(begin(), self._loop)
        try:
            return future.result()
        except CancelledError:
            raise TryAgainError(f"{self.name}: the connection was closed while a request was under way") from None

    async def _make(self, kind: Any, configuration: Mapping[str, Any], perpetual: bool) -> Any:
        client = kind(configuration)  # inside the loop, which ccxt looks for when it is made
        client.rest_left = self._rest_left
        if "fetchMarkets" not in configuration["options"]:
            _load_only(client.options, perpetual)
        return client

    def _rest_left(self) -> float:
        return self._rest_until - time.monotonic()

    async def _patiently(self, method: str, arguments: tuple[Any, ...], subject: str, patience: float) -> Any:
        import ccxt

        give_up, failures = time.monotonic() + patience, 0
        while True:
            await self._rest(give_up, subject)
            try:
                return await getattr(self._client, method)(*arguments)
            except _AskedToWaitError as error:
                self._rest_until = max(self._rest_until, time.monotonic() + error.seconds)
                # At least as long as we would have waited anyway: an exchange may ask for no second at all.
                reason, pause = str(error), max(error.seconds, self._back_off(failures))
            except (ccxt.NetworkError, ccxt.BadResponse, ccxt.NullResponse) as error:
                reason = _in_words(error)
                pause = self._back_off(failures)
            except (ccxt.AuthenticationError, ccxt.PermissionDenied, ccxt.AccountSuspended) as error:
                raise UsageError(f"exchange: {self.name} refuses us: {_short(error)}; see exchange.api_key") from None
            except ccxt.BaseError as error:
                if not _is_cut_short(error):
                    raise DataError(subject, f"{self.name} refuses the question: {_short(error)}") from None
                reason, pause = "sent half an answer", self._back_off(failures)
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
                # ccxt stumbled over an answer of another form than it knows, or over options that make no sense.
                words = f"ccxt cannot read what {self.name} answers ({type(error).__name__}: {_short(error)})"
                raise DataError(subject, f"{words}; a newer ccxt may, or look at exchange.options") from None
            failures += 1
            if time.monotonic() + pause > give_up:
                raise TryAgainError(f"{self.name}: {reason}; tried {failures} times")
            await self._sleep(pause, reason)

    def _back_off(self, failures: int) -> float:
        return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures, 10)) * self._dice.uniform(0.5, 1.5)

    async def _rest(self, give_up: float, subject: str) -> None:
        """Wait until the pause is over that the exchange asked for in any answer."""
        while (left := self._rest_left()) > 0:
            if self._rest_until > give_up:
                raise TryAgainError(f"{self.name}: asks for a pause of {left:.0f} s; {subject} was not asked for")
            await self._sleep(left, "asks for a pause")

    async def _sleep(self, seconds: float, reason: str) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._tell(f"{self.name}: {reason}; waiting {left:.1f} s")
            await asyncio.sleep(min(left, TELL_EVERY))


class _AskedToWaitError(Exception):
    def __init__(self, status: int, seconds: float) -> None:
        asked = {0: "is to be left alone", 418: "banned this address"}.get(status, f"answered {status}")
        super().__init__(f"{asked} and asks for a pause of {seconds:.0f} s")
        self.seconds = seconds


@functools.cache
def _attentive(name: str) -> Any:
    """Return ccxt's class of the exchange, with an eye for Retry-After, which ccxt passes over."""
    import ccxt.async_support

    if name not in ccxt.async_support.exchanges:
        raise SettingsError(
            f"exchange.id: ccxt knows no exchange {name!r}{nearest(name, ccxt.async_support.exchanges)}"
        )
    base: Any = getattr(ccxt.async_support, name)

    async def fetch(self: Any, url: str, *rest: Any) -> Any:
        # Behind the throttler, where requests may have queued while another one was told to pause.
        left = self.rest_left()
        if left > 0:
            raise _AskedToWaitError(0, left)
        return await base.fetch(self, url, *rest)

    def handle_errors(self: Any, code: int, reason: str, url: str, method: str, headers: Any, *rest: Any) -> Any:
        seconds = _retry_after(headers)
        if code in (418, 429, 503) and seconds is not None:
            raise _AskedToWaitError(code, seconds)
        if code == 451:
            raise ccxt.PermissionDenied(f"{name} does not serve this country (451)")
        return base.handle_errors(self, code, reason, url, method, headers, *rest)

    return type(name, (base,), {"fetch": fetch, "handle_errors": handle_errors})


def _retry_after(headers: Mapping[str, str] | None) -> float | None:
    for key, value in (headers or {}).items():
        if key.lower() == "retry-after":
            return float(value) if value.isascii() and value.isdigit() else None
    return None


def _load_only(options: dict[str, Any], perpetual: bool) -> None:
    """Leave out kinds of markets that are not wanted, where the exchange has a list of them: they cost weight and time.

    Exchanges call perpetuals by several names, and many have no such list: those are left as they are.
    """
    told = options.get("fetchMarkets")
    kinds = told.get("types") if isinstance(told, dict) else told
    if not isinstance(kinds, list):
        return
    wanted = [kind for kind in kinds if kind in (("swap", "linear", "inverse") if perpetual else ("spot",))]
    if wanted:
        options["fetchMarkets"] = {**told, "types": wanted} if isinstance(told, dict) else wanted


def _configuration(settings: CcxtSettings) -> dict[str, Any]:
    perpetual = settings.market_type is MarketKind.PERPETUAL
    own = dict(settings.options)
    options = {"defaultType": "swap" if perpetual else "spot", **own.pop("options", {})}
    keys = {
        "apiKey": settings.api_key.get_secret_value(),
        "secret": settings.api_secret.get_secret_value(),
        "password": settings.api_password.get_secret_value(),
    }
    return {
        "enableRateLimit": True,
        "timeout": int(settings.timeout_seconds * 1000),
        "options": options,
        **{name: value for name, value in keys.items() if value},
        **own,
    }


def _in_words(error: Exception) -> str:
    """Say what went wrong without the URL, which may carry a signature."""
    import ccxt

    if isinstance(error, ccxt.RequestTimeout):
        return "did not answer in time"
    if isinstance(error, (ccxt.RateLimitExceeded, ccxt.DDoSProtection)):
        return "answers that we ask too often"
    if isinstance(error, ccxt.OnMaintenance):
        return "is under maintenance"
    # What is behind it says more: a name that nobody knows, a proxy that refuses.
    reason = _short(error.__cause__) if error.__cause__ is not None else ""
    return f"is away ({type(error).__name__}{': ' if reason else ''}{reason})"


def _is_cut_short(error: Exception) -> bool:
    """Say whether an answer ended too early: ccxt calls that a refusal, with the real reason behind it."""
    import aiohttp

    return isinstance(error.__cause__, aiohttp.ClientError)


def _short(error: BaseException) -> str:
    """Return the exchange's own words in one line of bounded length, without a query, which may hold a signature."""
    text = " ".join(str(error).split())
    return " ".join(word.partition("?")[0] for word in text.split(" "))[:200]
