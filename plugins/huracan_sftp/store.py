"""A folder of an SSH server as a remote store. The only module that speaks SFTP.

A file is sent under a temporary name and renamed, so an interrupted upload leaves the old content. Its hash is computed
on the other side by ``sha256sum``; where the account may not run commands (``internal-sftp``), the bytes are read back.
"""

from __future__ import annotations

import hashlib
import posixpath
import secrets
import shlex
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from huracan.errors import DataError, TryAgainError, UsageError
from huracan.paths import sha256_of, write_atomically
from huracan.remote.base import BLOCK_BYTES, RemoteFile, Sent, Stored, blocks, checked_path, nobody, put_each
from huracan_sftp.settings import SftpSettings

if TYPE_CHECKING:
    from paramiko import MissingHostKeyPolicy, PKey, SFTPAttributes, SFTPClient, SFTPFile, SSHClient

__all__ = ["SftpStore"]

TEMPORARY = ".huracan-upload-"
LONGEST_NAME = 255
FULL = ("failure", "no space", "quota")


class SftpStore:
    """One folder, which must exist. The connection is made when it is needed, and again after it broke."""

    def __init__(self, settings: SftpSettings) -> None:
        if not settings.host:
            raise UsageError("remote.host is not set: name the machine")
        self._settings = settings
        self._ssh: SSHClient | None = None
        self._sftp: SFTPClient | None = None
        self._may_run = True
        self._made: set[str] = set()

    @property
    def identity(self) -> str:
        """Name user, machine and folder."""
        place = f"{self._settings.user}@{self._settings.host}:{self._settings.port}"
        return f"sftp:{place}/{self._settings.folder.removeprefix('/')}"

    def make_folder(self, path: str) -> None:
        with self._reporting(path) as sftp:
            self._make(sftp, checked_path(path))

    def put(self, source: Path, path: str, sent: Sent = nobody) -> RemoteFile:
        """Store a file: sent under a temporary name, then renamed over the old one."""
        target = self._target(path)
        with source.open("rb") as content, self._reporting(path) as sftp:
            self._make(sftp, posixpath.dirname(path))
            temporary = posixpath.join(posixpath.dirname(target), f"{TEMPORARY}{secrets.token_hex(8)}")
            try:
                with self._new_file(sftp, path, temporary) as copy:
                    copy.set_pipelined(True)
                    for block in blocks(content, sent):
                        copy.write(block)
                self._rename(sftp, temporary, target, path)
            except BaseException:
                self._forget(sftp, temporary)
                raise
            return _describe(path, sftp.stat(target))

    def put_many(self, files: Sequence[tuple[Path, str]], sent: Sent = nobody) -> Iterator[Stored]:
        """Store files one by one, over one connection."""
        yield from put_each(self, files, sent)

    def get(self, path: str, target: Path) -> None:
        """Fetch a file, atomically. Raises FileNotFoundError where there is none."""
        source = self._target(path)
        with self._reporting(path) as sftp:
            write_atomically(target, lambda temporary: sftp.get(source, str(temporary)))

    def list(self, prefix: str = "") -> Iterator[RemoteFile]:
        """Yield files below the deepest folder that the prefix names, without what killed writers left behind."""
        folder = prefix.rpartition("/")[0]
        with self._reporting(prefix) as sftp:
            found = list(self._walk(sftp, folder))
        yield from (file for file in found if file.path.startswith(prefix))

    def stat(self, path: str) -> RemoteFile | None:
        target = self._target(path)
        try:
            with self._reporting(path) as sftp:
                about = sftp.stat(target)
        except FileNotFoundError:
            return None
        return _describe(path, about) if stat.S_ISREG(about.st_mode or 0) else None

    def delete(self, path: str) -> None:
        target = self._target(path)
        try:
            with self._reporting(path) as sftp:
                sftp.remove(target)
        except FileNotFoundError:
            return

    def content_hash(self, source: Path, stored: RemoteFile) -> str | None:
        """Say nothing: a listing has no hashes; :meth:`verify` asks for one."""

    def verify(self, source: Path, path: str) -> bool:
        """Compare SHA-256 sums, computed on the other side where we may run a command there."""
        stored = self.stat(path)
        if stored is None or stored.size != source.stat().st_size:
            return False
        return (self._sum_there(path) or self._read_back(path)) == sha256_of(source)

    def close(self) -> None:
        """End the connection."""
        for each in (self._sftp, self._ssh):
            if each is not None:
                each.close()
        self._sftp = self._ssh = None

    # -------------------------------------------------------------------------------------------------------- inside

    def _target(self, path: str) -> str:
        if any(len(part.encode("utf-8", "surrogateescape")) > LONGEST_NAME for part in path.split("/")):
            raise DataError(path, f"has a name of more than {LONGEST_NAME} bytes")
        return posixpath.join(self._settings.folder, checked_path(path))

    def _make(self, sftp: SFTPClient, path: str) -> None:
        if not path or path in self._made:
            return
        self._make(sftp, posixpath.dirname(path))
        target = posixpath.join(self._settings.folder, path)
        try:
            sftp.mkdir(target)
        except OSError as error:
            try:
                sftp.stat(target)  # it may stand already
            except OSError:
                raise error from None
        self._made.add(path)

    @staticmethod
    def _rename(sftp: SFTPClient, temporary: str, target: str, path: str) -> None:
        try:
            sftp.posix_rename(temporary, target)
        except OSError as error:
            # A server says "Failure" to many things; a folder in the way is no reason to leave out the others.
            try:
                folder = error.errno is None and stat.S_ISDIR(sftp.stat(target).st_mode or 0)
            except OSError:
                folder = False
            if folder:
                raise DataError(path, "is a folder there") from None
            raise

    def _new_file(self, sftp: SFTPClient, path: str, temporary: str) -> SFTPFile:
        try:
            return sftp.open(temporary, "wb")
        except FileNotFoundError:
            # A folder that stood a moment ago was deleted there.
            self._made.clear()
            self._make(sftp, posixpath.dirname(path))
            return sftp.open(temporary, "wb")

    @staticmethod
    def _forget(sftp: SFTPClient, path: str) -> None:
        try:
            sftp.remove(path)
        except (OSError, EOFError):
            return  # it is never listed, and nobody waits for it

    def _walk(self, sftp: SFTPClient, folder: str) -> Iterator[RemoteFile]:
        try:
            entries = sftp.listdir_attr(posixpath.join(self._settings.folder, folder))
        except FileNotFoundError:
            return
        for entry in sorted(entries, key=lambda each: each.filename):
            path = posixpath.join(folder, entry.filename)
            if stat.S_ISDIR(entry.st_mode or 0):
                yield from self._walk(sftp, path)
            elif stat.S_ISREG(entry.st_mode or 0) and not entry.filename.startswith(TEMPORARY):
                yield _describe(path, entry)

    def _sum_there(self, path: str) -> str | None:
        if not self._may_run:
            return None
        with self._reporting(path):
            assert self._ssh is not None  # _reporting connects
            # A channel of its own: a server that offers SFTP alone closes it.
            _, out, _ = self._ssh.exec_command(
                f"sha256sum -- {shlex.quote(self._target(path))}", timeout=max(self._settings.timeout_seconds, 120.0)
            )
            answer = out.read().decode("utf-8", "replace").removeprefix("\\").split(" ")[0]
        if len(answer) == 64 and all(letter in "0123456789abcdef" for letter in answer):
            return answer
        self._may_run = False
        return None

    def _read_back(self, path: str) -> str:
        digest = hashlib.sha256()
        with self._reporting(path) as sftp, sftp.open(self._target(path), "rb") as file:
            file.prefetch()
            while block := file.read(BLOCK_BYTES):
                digest.update(block)
        return digest.hexdigest()

    @contextmanager
    def _reporting(self, path: str) -> Iterator[SFTPClient]:
        """Hand out the connection, and turn what goes wrong into one line that says whether to try again."""
        import paramiko

        try:
            yield self._connected()
        except (paramiko.SSHException, EOFError, TimeoutError, ConnectionError) as error:
            self.close()
            raise TryAgainError(f"{self.identity}: is away ({error or type(error).__name__})") from None
        except FileNotFoundError:
            raise FileNotFoundError(path) from None
        except UnicodeError:
            raise DataError(repr(path), "has a name that is no text") from None
        except PermissionError:
            raise DataError(path, f"may not be read or written by this user of {self.identity}") from None
        except OSError as error:
            self.close()  # "Socket is closed" is an OSError as well
            raise TryAgainError(f"{self.identity}: {path}: {self._why(error)}") from None

    @staticmethod
    def _why(error: OSError) -> str:
        """Say what a server's bare "Failure" means most of the time."""
        text = str(error.strerror or error)
        return f"{text} (the disk there is full, or its quota used up)" if text.lower() in FULL else text

    def _connected(self) -> SFTPClient:
        if self._sftp is None:
            self._ssh = self._connect()
            self._sftp = self._ssh.open_sftp()
            channel = self._sftp.get_channel()
            if channel is not None:
                channel.settimeout(self._settings.timeout_seconds)
            self._made.clear()
            self._require_folder(self._sftp)
        return self._sftp

    def _require_folder(self, sftp: SFTPClient) -> None:
        try:
            sftp.stat(self._settings.folder)
        except FileNotFoundError:
            self.close()
            raise TryAgainError(f"{self.identity}: the folder is not there: mount the disk or make it") from None

    def _connect(self) -> SSHClient:
        try:
            import paramiko
        except ImportError:
            raise UsageError("remote.name sftp needs paramiko: pip install 'huracan-engine[sftp]'") from None
        settings = self._settings
        ssh = paramiko.SSHClient()
        known = settings.known_hosts or Path("~/.ssh/known_hosts").expanduser()
        if known.exists():
            ssh.load_host_keys(str(known))
        ssh.set_missing_host_key_policy(_refusing())
        try:
            ssh.connect(
                settings.host,
                settings.port,
                settings.user,
                password=settings.password.get_secret_value() or None,
                key_filename=str(settings.key_file) if settings.key_file else None,
                passphrase=settings.key_passphrase.get_secret_value() or None,
                timeout=settings.timeout_seconds,
                banner_timeout=settings.timeout_seconds,
                auth_timeout=settings.timeout_seconds,
                allow_agent=settings.key_file is None and not settings.password.get_secret_value(),
                look_for_keys=settings.key_file is None and not settings.password.get_secret_value(),
            )
        except _UnknownHostError as error:
            ssh.close()
            raise UsageError(
                f"{self.identity}: {error}; if that is right, add it: ssh-keyscan -p {settings.port} "
                f"{settings.host} >> {known}"
            ) from None
        except paramiko.BadHostKeyException as error:
            ssh.close()
            raise UsageError(
                f"{self.identity}: the host key is another one than in {known} "
                f"({error.key.get_name()}, now {error.key.fingerprint}): somebody may be in between"
            ) from None
        except (paramiko.AuthenticationException, paramiko.PasswordRequiredException):
            ssh.close()
            raise UsageError(f"{self.identity}: the key or password is refused: see remote.key_file") from None
        except OSError as error:
            ssh.close()
            if isinstance(error, FileNotFoundError):
                raise UsageError(f"remote.key_file: {settings.key_file} is not there") from None
            raise TryAgainError(f"{self.identity}: is away ({error.strerror or error})") from None
        except BaseException:
            ssh.close()
            raise
        return ssh


class _UnknownHostError(Exception):
    """The server's key is in no list of known hosts."""


def _refusing() -> MissingHostKeyPolicy:
    """Return a policy that never trusts a host key that nobody has vouched for."""
    import paramiko

    class Refuse(paramiko.MissingHostKeyPolicy):
        def missing_host_key(self, client: SSHClient, hostname: str, key: PKey) -> None:  # noqa: ARG002 - its protocol
            raise _UnknownHostError(f"its host key ({key.get_name()}, {key.fingerprint}) is not known")

    return Refuse()


def _describe(path: str, about: SFTPAttributes) -> RemoteFile:
    modified = datetime.fromtimestamp(about.st_mtime or 0, UTC)
    return RemoteFile(path, about.st_size or 0, modified, None, f"{about.st_mtime}-{about.st_size}")
