"""The throwaway machine of box.sh, as tests use it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "CHECKOUT", "ENVIRONMENT", "FEW_SERVICES", "OURS", "SCRIPT", "Box", "Done", "Installation", "call", "why_no_box",
]  # fmt: skip

SCRIPT = Path(__file__).with_name("box.sh")
CHECKOUT = "/srv/huracan"
"""Where the checkout lies inside the box, as somebody has it who cloned it."""

ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name.startswith("PIP_") or name.lower().endswith("_proxy")},
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "COLUMNS": "160",
}
"""What a login of root sets, and where pip finds packages on this machine; nothing else of the test run."""

FEW_SERVICES = "/etc/huracan/conf.d/10-few.yaml"
"""Settings that leave out services which the tests of the installation do not need."""

OURS = ("/etc", "/opt", "/srv", "/usr/local", "/var/lib/huracan")
"""Folders in which install.sh may change something."""

Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Box:
    """A running box. Commands are run as root, in /, with the environment of somebody who logged in."""

    folder: Path

    def run(self, command: Sequence[str], *, check: bool = True, stdin: str = "", timeout: float = 300) -> Done:
        """Run one command inside. With ``check``, an exit code other than 0 fails the test and shows the output."""
        done = subprocess.run(
            [str(SCRIPT), "run", str(self.folder), *command],
            input=stdin, capture_output=True, text=True, check=False, timeout=timeout, env=ENVIRONMENT,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{command} ended with {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def bash(self, script: str, *, check: bool = True, stdin: str = "", timeout: float = 300) -> Done:
        return self.run(["bash", "-euc", script], check=check, stdin=stdin, timeout=timeout)

    def becomes(self, condition: str, seconds: float) -> bool:
        """Ask a shell inside again and again, and say whether it came to be so in time."""
        loop = f"for ((end = SECONDS + {seconds:.0f}; SECONDS <= end; ))"
        asked = self.bash(f"{loop}; do if {condition}; then exit; fi; sleep 0.1; done; exit 1", check=False)
        return asked.returncode == 0

    def install_sh(self, *arguments: str, check: bool = True, checkout: str = CHECKOUT) -> Done:
        """Run install.sh of a checkout inside."""
        return self.run([f"{checkout}/install.sh", *arguments], check=check, timeout=600)

    def crash(self) -> None:
        """End everything inside at once, as a power cut does; what was written stays."""
        call("crash", self.folder)

    def boot(self) -> None:
        call("boot", self.folder)

    def reboot(self) -> None:
        self.crash()
        self.boot()

    def journal(self, unit: str) -> str:
        """Return what a unit has written to the journal."""
        return self.run(["journalctl", "--no-pager", "--output=cat", "--unit", unit]).stdout

    def state(self, unit: str) -> str:
        """Return what `systemctl is-active` says: active, inactive, failed ..."""
        return self.run(["systemctl", "is-active", unit], check=False).stdout.strip()

    def copy_in(self, source: Path, target: str) -> None:
        """Put the files of a checkout that git knows, and those it does not ignore, into a folder of the box."""
        names = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=source, capture_output=True, check=True,
        ).stdout  # fmt: skip
        present = b"\0".join(name for name in names.split(b"\0") if name and (source / os.fsdecode(name)).exists())
        packed = subprocess.run(
            ["tar", "--create", "--null", "--files-from=-"], cwd=source, input=present, capture_output=True, check=True
        ).stdout
        self.run(["mkdir", "-p", target])
        subprocess.run(
            [str(SCRIPT), "run", str(self.folder), "tar", "--extract", "--no-same-owner", f"--directory={target}"],
            input=packed, check=True,
        )  # fmt: skip

    def listing(self, *folders: str) -> str:
        """Return every path below the folders with type, owner, mode, time of change, size and link target."""
        found = self.bash(
            f"find {' '.join(folders)} -printf '%p %y %u:%g %m %T@ %s %l\\n' 2>/dev/null | LC_ALL=C sort || true"
        )
        return found.stdout

    def digest(self, *folders: str) -> str:
        """Return a hash over the names and bytes of all files below the folders."""
        found = self.bash(f"find {' '.join(folders)} -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum")
        return hashlib.sha256(found.stdout.encode()).hexdigest()


@dataclass(frozen=True)
class Installation:
    """What `install.sh install` said."""

    said: str


def call(verb: str, folder: Path, *more: str) -> None:
    done = subprocess.run(
        [str(SCRIPT), verb, str(folder), *more], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def why_no_box() -> str:
    if os.geteuid() != 0:
        return "a box needs root"
    for tool in ("unshare", "nsenter", "setsid", "dbus-daemon", "systemctl"):
        if shutil.which(tool) is None:
            return f"a box needs {tool}"
    if not Path("/lib/systemd/systemd").exists():
        return "a box needs systemd"
    tried = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, text=True, check=False
    )
    return f"a box needs namespaces: {tried.stderr.strip()}" if tried.returncode else ""
