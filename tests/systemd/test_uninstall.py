"""The end: install.sh uninstall, with and without the data. The last tests of this box."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from systemd.machine import Box

pytestmark = pytest.mark.systemd


def test_uninstall_takes_the_program_and_keeps_the_data(night: Box) -> None:
    listed = night.listing("/etc", "/opt", "/usr/local")
    assert "would remove /opt/huracan" in night.install_sh("uninstall", "--dry-run").stdout
    assert night.listing("/etc", "/opt", "/usr/local") == listed
    settings, champions = night.digest("/etc/huracan"), night.digest("/var/lib/huracan/champions")
    night.run(["mkdir", "-p", "/run/huracan-credentials"])  # as where there is a secret
    done = night.install_sh("uninstall")
    assert "kept: /var/lib/huracan, /etc/huracan and the user huracan" in done.stderr
    assert (night.digest("/etc/huracan"), night.digest("/var/lib/huracan/champions")) == (settings, champions)
    left = night.bash(
        "ls -d /opt/huracan /usr/local/bin/huracan /usr/share/bash-completion/completions/huracan 2>/dev/null;"
        "find /etc/systemd -name '*huracan*'",
        check=False,
    )
    assert left.stdout == ""
    assert night.run(["systemctl", "list-units", "--all", "--no-legend", "huracan*"]).stdout == ""
    assert night.run(["pgrep", "-u", "huracan"], check=False).stdout == ""
    assert "nothing to do" in night.install_sh("uninstall").stderr


def test_purge_leaves_nothing(night: Box) -> None:
    night.install_sh("uninstall", "--purge")
    left = night.bash(
        "find /etc /opt /usr/local /var/lib /run -name '*huracan*' ! -name huracan-install.lock 2>/dev/null || true"
    )
    assert left.stdout == ""
    assert night.run(["getent", "passwd", "huracan"], check=False).returncode != 0
    assert night.run(["getent", "group", "huracan"], check=False).returncode != 0


@pytest.fixture
def left_behind(fresh: Box) -> Iterator[Box]:
    """A machine that has nothing of Huracan but its user; what a test makes of /var/lib/huracan is gone at the end."""
    fresh.bash("useradd --system --home-dir /var/lib/huracan --no-create-home huracan; mkdir -p /srv/disk/work")
    yield fresh
    fresh.bash("umount -q /var/lib/huracan/data /var/lib/huracan || true; rm -rf /var/lib/huracan /srv/disk")


LINK = "ln -s /srv/disk/work /var/lib/huracan"
MOUNT = "mkdir /var/lib/huracan; mount -t tmpfs disk /var/lib/huracan"
INSIDE = "mkdir -p /var/lib/huracan/data; mount -t tmpfs disk /var/lib/huracan/data"


@pytest.mark.parametrize(
    ("made", "others", "left"),
    [
        (LINK, False, ""),
        (LINK, True, "/srv/disk/work"),
        (MOUNT, True, "/var/lib/huracan"),
        (INSIDE, False, "/var/lib/huracan"),
    ],
)
def test_purge_takes_from_another_disk_what_is_huracans_and_leaves_what_is_others(
    left_behind: Box, made: str, others: bool, left: str
) -> None:
    left_behind.bash(
        f"{made}; cd /var/lib/huracan/; mkdir -p data models; echo x >data/ours; echo x >models/ours; echo x >ours;"
        "chown -R huracan:huracan ./"
    )
    if others:
        left_behind.bash("echo x >/var/lib/huracan/mine")
    done = left_behind.install_sh("uninstall", "--purge")
    assert [line for line in done.stderr.splitlines() if ": left: " in line] == (
        [f"install.sh: left: {left}, which is a mount or holds what is not huracan's"] if left else []
    )
    assert left_behind.run(["test", "-L", "/var/lib/huracan"], check=False).returncode != 0
    found = left_behind.bash("find /srv/disk /var/lib/huracan -type f 2>/dev/null || true").stdout
    assert found.split() == ([f"{left}/mine"] if others else [])
    assert left_behind.run(["test", "-e", "/srv/disk/work"], check=False).returncode == (0 if left != "" else 1)
    assert left_behind.bash("find /srv/disk /var/lib/huracan -nouser 2>/dev/null || true").stdout == ""
    assert left_behind.run(["getent", "passwd", "huracan"], check=False).returncode != 0
