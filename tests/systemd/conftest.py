"""A machine of its own with a real systemd, and Huracan installed in it: once for all tests of this folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from systemd.machine import CHECKOUT, FEW_SERVICES, Box, Installation, call, why_no_box

SETTINGS = """\
workspace: /var/lib/huracan
exchange: {name: simulated}
universe: {quote: USDT, top: 20}
candles: {days: 730}
training: {symbols: "AURA-USDT,BTC-USDT"}
schedule: {pipelines: {nightly: '23:59'}, catch_up: false}
"""

FEW = "plugins: {disable: [alerts, backup, email, export, reports, safety, telegram]}\n"
"""Their services would be started and their jobs be done a dozen times, and nobody asks for what comes of it; the whole
nights of test_nights.py have all of them."""


@pytest.fixture(scope="session")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A box of this machine; skips where it cannot be made, and fails there in CI."""
    if reason := why_no_box():
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("box")
    call("start", folder, str(os.getpid()))
    try:
        yield Box(folder)
    finally:
        call("stop", folder)


@pytest.fixture(scope="session")
def fresh(box: Box, repository: Path) -> Box:
    """The box with the checkout in it; only tests that come before the first install may ask for it."""
    box.copy_in(repository, CHECKOUT)
    return box


@pytest.fixture(scope="session")
def first_install(fresh: Box) -> Installation:
    """Install Huracan with an exchange that needs no network; all tests of the folder share it."""
    fresh.run(["tee", "/root/first.yaml"], stdin=SETTINGS)
    fresh.run(["install", "-D", "/dev/stdin", FEW_SERVICES], stdin=FEW)
    return Installation(fresh.install_sh("install", "--settings", "/root/first.yaml").stderr)


@pytest.fixture
def installed(box: Box, first_install: Installation) -> Box:
    """The box with Huracan installed and running."""
    return box


@pytest.fixture(scope="session")
def night(first_install: Installation, box: Box) -> Box:
    """The installed box after one night, typed by root: there are champions and a ledger to lose."""
    done = box.run(["huracan", "run", "nightly"], check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert box.run(["ls", "/var/lib/huracan/champions/AURA-USDT.json"])
    return box


@pytest.fixture(scope="session")
def checkout_with(box: Box, fresh: Box) -> Callable[[str, str], str]:
    """Make a changed copy of the checkout inside the box: a name for it, and the script that changes it."""

    def make(name: str, change: str) -> str:
        folder = f"/srv/{name}"
        box.bash(f"rm -rf {folder}; cp -a {CHECKOUT} {folder}; cd {folder}; {change}")
        return folder

    return make
