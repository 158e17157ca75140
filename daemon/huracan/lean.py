"""``python -m huracan.lean`` is ``huracan`` for a process that waits all day: without OpenSSL it is 5 MiB smaller.

asyncio (which SQLAlchemy imports) takes ``ssl`` where it finds it, and hashlib OpenSSL's digests; both do without. The
daemon speaks no TLS: jobs and services do, in processes of their own. A plugin that imports ``ssl`` here still gets it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["import_core", "without_openssl"]

_OPENSSL = ("ssl", "_hashlib")


@contextmanager
def without_openssl() -> Iterator[None]:
    """Let imports inside the block find no OpenSSL, unless it is loaded already."""
    hidden = [name for name in _OPENSSL if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # the import system's own sign for "is not there"
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def import_core() -> None:
    """Import what a daemon with units consists of, before any plugin."""
    with without_openssl():
        import huracan.alerts
        import huracan.app
        import huracan.control
        import huracan.daemon
        import huracan.orders
        import huracan.serving
        import huracan.starting
        import huracan.store
        import huracan.supervise.systemd  # noqa: F401


def main() -> int:
    """Be ``huracan``."""
    import_core()
    from huracan.cli.main import main as huracan

    return huracan()


if __name__ == "__main__":
    sys.exit(main())
