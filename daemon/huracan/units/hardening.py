"""What a unit may not do: the sandbox that all share, and what a declaration opens in it, each with its reason."""

from __future__ import annotations

from huracan.types import Resources

__all__ = ["SHARED", "reach"]

SHARED = """\
# --- what it may not do; `huracan units verify` prints what is left of its exposure
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
PrivateUsers=yes
RemoveIPC=yes
UMask=0027
KeyringMode=private
LimitCORE=0
# Files: all is read-only but the workspace, homes are empty, /tmp is its own.
ProtectSystem=strict
ProtectHome=tmpfs
PrivateTmp=yes
# The kernel, its clock, its logs, other processes, other namespaces.
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
ProtectProc=invisible
# ProcSubset=pid is left out: free memory and load are read from /proc/meminfo and /proc/loadavg.
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
"""

_GPU = """\
# It may compute on an NVIDIA GPU, so it sees devices, but may open these alone.
PrivateDevices=no
DevicePolicy=closed
DeviceAllow=char-nvidia rw
DeviceAllow=char-nvidia-uvm rw
"""

_NO_GPU = """\
PrivateDevices=yes
DevicePolicy=closed
"""

_JIT = """\
# It declares that it compiles while it runs (Numba, PyTorch).
MemoryDenyWriteExecute=no
"""

_NO_NETWORK = """\
# It declares no need of other machines.
PrivateNetwork=yes
IPAddressDeny=any
RestrictAddressFamilies=AF_UNIX
"""

_DATABASE = """\
# It declares no need of other machines, but the database is asked by TCP.
PrivateNetwork=no
IPAddressDeny=any
IPAddressAllow={address}
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
"""

_NETWORK = """\
# It declares that it speaks to other machines; the empty line takes back what the template says.
PrivateNetwork=no
IPAddressDeny=
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
"""


def reach(resources: Resources, database: str | None) -> str:
    """Return the lines that open what is declared and close the rest.

    ``database`` is what ``IPAddressAllow=`` takes for the host of a database that is asked by TCP: ``localhost``, an
    address, or ``any`` where only a name is known; None where it is a file or a local socket.
    """
    if resources.network:
        network = _NETWORK
    elif database is None:
        network = _NO_NETWORK
    else:
        network = _DATABASE.format(address=database)
    return network + (_GPU if resources.gpu else _NO_GPU) + (_JIT if resources.compiles else "")
