"""Supervises child processes without systemd: the same protocol, the same limits, the same consequences.

Memory is looked at once a second; who takes too much is killed at once, since a box that swaps answers nobody.
Stop and time limit: SIGTERM to the child alone (so that it can end its own workers), SIGKILL to its whole group after
the grace time. Stall: SIGABRT first, on which Python writes where it hangs. Whatever the child leaves behind in
its group is killed when it ends. The thread that calls :meth:`ProcessSupervisor.run` is the child's parent in the eyes
of the kernel (see :mod:`huracan.run.parent`) and stays inside that call until the child is gone.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable

from huracan.run.heartbeat import Notification, NotifyListener
from huracan.supervise.base import Backoff, Child, Exit, ExitReason, StopSwitch, Supervisor, Watcher
from huracan.supervise.memory import taken_mib

__all__ = ["ProcessSupervisor", "keep_running"]

_TICK = 1.0
_TICK_WITHOUT_PIDFD = 0.1
_LONGEST_LINE = 1 << 20
_DRAIN_SECONDS = 2.0
_HEARD_AT_ONCE = 500


class ProcessSupervisor:
    """Runs children of this process, each in a session and process group of its own."""

    def run(self, child: Child, watcher: Watcher, stop: StopSwitch) -> Exit:
        """Start ``child`` and watch it to its end. Raises OSError where it cannot be started."""
        with NotifyListener() as listener:
            environment = {**child.environment, "NOTIFY_SOCKET": listener.address}
            environment.pop("WATCHDOG_PID", None)
            environment.pop("WATCHDOG_USEC", None)
            if child.limits.stall is not None:
                environment["WATCHDOG_USEC"] = str(round(child.limits.stall * 1e6))
            process = subprocess.Popen(
                list(child.command),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                watcher.begun()
                return _Watch(process, child, listener, watcher, stop).until_end()
            finally:
                _end_group(process)
                if process.stdout is not None:
                    process.stdout.close()


def keep_running(
    supervisor: Supervisor,
    child: Callable[[], Child],
    watcher: Watcher,
    stop: StopSwitch,
    backoff: Backoff,
    ended: Callable[[Exit, float], None],
) -> None:
    """Run a child again and again until ``stop``; ``ended`` is told each exit and the pause that follows."""
    while not stop.asked:
        exit_ = supervisor.run(child(), watcher, stop)
        if stop.wait(0):
            return
        pause = backoff.after(exit_.seconds)
        ended(exit_, pause)
        deadline = time.monotonic() + pause
        while (left := deadline - time.monotonic()) > 0 and not stop.wait(min(left, _TICK)):
            watcher.tick()


class _Watch:
    """One child from its start to its end."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        child: Child,
        listener: NotifyListener,
        watcher: Watcher,
        stop: StopSwitch,
    ) -> None:
        self._process, self._limits, self._listener = process, child.limits, listener
        self._watcher, self._stop = watcher, stop
        self._lines = _Lines(process, watcher.line)
        self._started = self._last_sign = time.monotonic()
        self._stall = child.limits.stall
        self._ready = False
        self._time_over = None if child.limits.time is None else self._started + child.limits.time
        self._ending: ExitReason | None = None
        self._detail = ""
        self._kill_at: float | None = None
        self._next_tick = self._started

    def until_end(self) -> Exit:
        pidfd = _open_pidfd(self._process.pid)
        try:
            with selectors.DefaultSelector() as selector:
                if pidfd is not None:
                    selector.register(pidfd, selectors.EVENT_READ)
                selector.register(self._listener, selectors.EVENT_READ)
                selector.register(self._lines, selectors.EVENT_READ)
                if not self._stop.asked:
                    selector.register(self._stop, selectors.EVENT_READ)
                tick = _TICK if pidfd is not None else _TICK_WITHOUT_PIDFD
                while not _has_ended(self._process.pid):
                    self._once(selector, tick)
        finally:
            if pidfd is not None:
                os.close(pidfd)
        self._hear()
        return self._conclude()

    def _once(self, selector: selectors.BaseSelector, tick: float) -> None:
        for key, _ in selector.select(self._seconds_to_wait(tick)):
            # What has come to its end stays readable for ever: take it out, or the loop would spin.
            if (key.fileobj is self._lines and not self._lines.read()) or key.fileobj is self._stop:
                selector.unregister(key.fileobj)
        self._hear()
        now = time.monotonic()
        self._judge(now)
        if now >= self._next_tick:
            self._next_tick = now + _TICK
            self._watcher.tick()
            self._weigh(now)

    def _hear(self) -> None:
        for _ in range(_HEARD_AT_ONCE):  # a child that never stops talking must not keep us from looking at the clock
            notification = self._listener.receive()
            if notification is None:
                return
            self._take(notification)

    def _take(self, notification: Notification) -> None:
        now = time.monotonic()
        if notification.ready:
            self._ready = True
        if notification.watchdog_limit is not None and self._limits.stall is not None:
            self._stall = notification.watchdog_limit
        if notification.ready or notification.watchdog or notification.watchdog_limit is not None:
            self._last_sign = now
        if notification.extend_timeout is not None and self._time_over is not None:
            self._time_over = max(self._time_over, now + notification.extend_timeout)
        self._watcher.notified(notification)

    def _weigh(self, now: float) -> None:
        if self._limits.memory is None or self._ending is not None:
            return
        taken = taken_mib(self._process.pid)
        if taken > self._limits.memory:
            self._detail = f"{taken:.0f} MiB"
            self._end(ExitReason.TOO_LARGE, signal.SIGKILL, now)

    def _stall_over(self) -> float | None:
        if self._stall is None:
            return None
        return self._last_sign + (self._stall if self._ready else max(self._stall, self._limits.start))

    def _judge(self, now: float) -> None:
        if self._ending is None:
            stall_over = self._stall_over()
            if self._stop.asked:
                self._end(ExitReason.STOPPED, signal.SIGTERM, now)
            elif self._time_over is not None and now >= self._time_over:
                self._end(ExitReason.TIMED_OUT, signal.SIGTERM, now)
            elif stall_over is not None and now >= stall_over:
                self._end(ExitReason.STALLED, signal.SIGABRT, now)
        if self._kill_at is not None and (now >= self._kill_at or self._stop.urgent):
            self._kill_at = None
            os.killpg(self._process.pid, signal.SIGKILL)

    def _end(self, reason: ExitReason, number: signal.Signals, now: float) -> None:
        self._ending, self._kill_at = reason, now + self._limits.grace
        os.kill(self._process.pid, number)

    def _seconds_to_wait(self, tick: float) -> float:
        deadlines = [self._next_tick]
        if self._ending is None:
            deadlines += [deadline for deadline in (self._time_over, self._stall_over()) if deadline is not None]
        elif self._kill_at is not None:
            deadlines.append(self._kill_at)
        return min(tick, max(0.0, min(deadlines) - time.monotonic()))

    def _conclude(self) -> Exit:
        seconds = time.monotonic() - self._started
        os.killpg(self._process.pid, signal.SIGKILL)  # the unreaped child still holds its number: nobody else is hit
        self._lines.drain(_DRAIN_SECONDS)
        status = self._process.wait()
        code = 128 - status if status < 0 else status
        if self._ending is not None and not (self._ending is ExitReason.STOPPED and status == 0):
            return Exit(self._ending, code, seconds, detail=self._detail)
        return Exit(ExitReason.SIGNALLED if status < 0 else ExitReason.EXITED, code, seconds)


class _Lines:
    """Cuts a child's output into lines."""

    def __init__(self, process: subprocess.Popen[bytes], take: Callable[[str], None]) -> None:
        if process.stdout is None:
            raise ValueError("the child was started without a pipe for its output")
        self._file = process.stdout.fileno()
        self._take, self._rest, self._open = take, b"", True

    def fileno(self) -> int:
        return self._file

    def read(self) -> bool:
        """Read what is there; return False at the end."""
        data = os.read(self._file, 65536)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if not data or len(self._rest) > _LONGEST_LINE:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            if line.strip():
                self._take(line.decode("utf-8", "replace").rstrip("\r"))
        self._open = bool(data)
        return self._open

    def drain(self, seconds: float) -> None:
        """Read to the end, but no longer than ``seconds``: something outside the group may hold the pipe open."""
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self, selectors.EVENT_READ)
            while self._open and (left := deadline - time.monotonic()) > 0:
                if selector.select(left):
                    self.read()


def _open_pidfd(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None  # an old kernel or a sandbox: the loop then looks every tenth of a second


def _has_ended(pid: int) -> bool:
    """Say whether the child has ended, without reaping it: its number must stay taken until its group is killed."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill and reap what an exception in the watching loop would leave behind."""
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
