"""Real services for the tests of remote stores: OpenSSH's sshd, moto's S3 server, and certificates for loopback."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

__all__ = ["Certificates", "Sshd", "make_certificates", "open_sshd", "s3_server"]


@dataclass(frozen=True)
class Certificates:
    """A server's TLS context, and the file of the authority that a client has to trust."""

    context: ssl.SSLContext
    ca_file: Path


def make_certificates(folder: Path) -> Certificates:
    import trustme

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    ca_file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    return Certificates(context, ca_file)


@dataclass(frozen=True)
class Sshd:
    """A running server: ``settings`` are those of ``remote: {name: sftp}``."""

    settings: dict[str, Any]
    folder: Path


@contextmanager
def open_sshd(folder: Path, *, commands: bool = True) -> Iterator[Sshd]:
    """Run OpenSSH's own sshd on loopback for this user, with keys and a folder in ``folder``."""
    sshd, keygen = shutil.which("sshd", path="/usr/sbin:/usr/bin:/sbin"), shutil.which("ssh-keygen")
    if sshd is None or keygen is None:
        reason = "no sshd on this machine: apt-get install openssh-server"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    folder.chmod(0o700)
    for name in ("host", "user"):
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    shutil.copy(folder / "user.pub", folder / "authorized")
    (folder / "authorized").chmod(0o600)
    port, store = _free_port(), folder / "store"
    store.mkdir()
    lines = [
        f"Port {port}", "ListenAddress 127.0.0.1", f"HostKey {folder / 'host'}", "UsePAM no", "StrictModes no",
        f"AuthorizedKeysFile {folder / 'authorized'}", "PasswordAuthentication no", f"PidFile {folder / 'pid'}",
        "PermitRootLogin yes", "Subsystem sftp internal-sftp", "MaxSessions 100", "MaxStartups 100",
        *([] if commands else ["ForceCommand internal-sftp"]),
    ]  # fmt: skip
    (folder / "config").write_text("\n".join(lines) + "\n")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where it insists on a folder for its unprivileged part
    with (folder / "log").open("wb") as log:
        command = [sshd, "-D", "-e", "-f", str(folder / "config")]
        process = subprocess.Popen(command, stderr=log, stdout=subprocess.DEVNULL)
    try:
        _wait_for(port)
        public = (folder / "host.pub").read_text().split()
        (folder / "known").write_text(f"[127.0.0.1]:{port} {public[0]} {public[1]}\n")
        settings = {
            "name": "sftp", "host": "127.0.0.1", "port": port, "user": getpass.getuser(), "folder": str(store),
            "key_file": folder / "user", "known_hosts": folder / "known",
        }  # fmt: skip
        yield Sshd(settings, store)
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def s3_server(bucket: str = "huracan-test") -> Iterator[dict[str, Any]]:
    """Run moto's S3 server on loopback and make a bucket; yield the settings of ``remote: {name: s3}``."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {
        "name": "s3", "endpoint": f"http://{host}:{port}", "bucket": bucket, "access_key": "test-key",
        "secret_key": "test-secret", "region": "us-east-1",
    }  # fmt: skip
    client = boto3.client(
        "s3", endpoint_url=settings["endpoint"], aws_access_key_id="test-key", aws_secret_access_key="test-secret",
        region_name="us-east-1",
    )  # fmt: skip
    client.create_bucket(Bucket=bucket)
    client.close()
    try:
        yield settings
    finally:
        server.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"nobody listens on port {port}")
