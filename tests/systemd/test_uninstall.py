"""The end: install.sh uninstall, with and without the data. The last tests of this box."""

from __future__ import annotations

import pytest

from systemd.machine import Box

pytestmark = pytest.mark.systemd


def test_uninstall_takes_the_program_and_keeps_the_data(night: Box) -> None:
    listed = night.listing("/etc", "/opt", "/usr/local")
    assert "would remove /opt/huracan" in night.install_sh("uninstall", "--dry-run").stdout
    assert night.listing("/etc", "/opt", "/usr/local") == listed
    settings, champions = night.digest("/etc/huracan"), night.digest("/var/lib/huracan/champions")
    done = night.install_sh("uninstall")
    assert "kept: /var/lib/huracan, /etc/huracan and the user huracan" in done.stderr
    assert (night.digest("/etc/huracan"), night.digest("/var/lib/huracan/champions")) == (settings, champions)
    left = night.bash(
        "ls -d /opt/huracan /usr/local/bin/huracan 2>/dev/null; find /etc/systemd -name '*huracan*'", check=False
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
