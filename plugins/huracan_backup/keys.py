"""Keys of backups: age (X25519) by pyrage for the content, and a seal that nobody without the key can make."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import pyrage

from huracan.errors import DataError, SettingsError, UsageError
from huracan.masking import register_secret
from huracan_backup.settings import BackupSettings

__all__ = ["Keys", "new_identity", "no_keys", "read_identities"]


@dataclass(frozen=True, slots=True)
class Keys:
    """What encrypts and decrypts. ``identities`` are secret: the first one's public half is always a recipient.

    ``accepts_plain``: take backups without encryption and seal although there are identities.
    """

    identities: tuple[str, ...] = field(default=(), repr=False)
    recipients: tuple[str, ...] = ()
    accepts_plain: bool = False

    @classmethod
    def of(cls, settings: BackupSettings) -> Keys:
        """Read the keys of the settings. Raises SettingsError for what is no key, without showing it."""
        identities = read_identities(settings.identity.get_secret_value(), "backup.identity")
        if settings.recipients and not identities:
            raise SettingsError(
                "backup.recipients: needs backup.identity too: without a secret key no backup can be tested here"
            )
        for each in settings.recipients:
            try:
                pyrage.x25519.Recipient.from_str(each)
            except pyrage.RecipientError:
                raise SettingsError(f"backup.recipients: {each[:12]}... is no public age key") from None
        return cls(identities, settings.recipients)

    @property
    def encrypts(self) -> bool:
        return bool(self.identities)

    def fingerprint(self) -> str:
        """Name those who can read: packs made for others are not used again."""
        public = sorted({_public(self.identities[0]), *self.recipients}) if self.identities else []
        return hashlib.sha256(" ".join(public).encode()).hexdigest()[:16] if public else "none"

    def encrypt(self, source: Path, target: Path) -> None:
        """Write an age file, streaming."""
        public = [pyrage.x25519.Recipient.from_str(text) for text in (_public(self.identities[0]), *self.recipients)]
        with source.open("rb") as plain, target.open("wb") as secret:
            try:
                pyrage.encrypt_io(plain, secret, public)
            except (pyrage.EncryptError, OSError) as error:
                raise _of_the_system(error) or error from None

    def decrypt(self, source: Path, target: Path, what: str) -> None:
        """Write what an age file holds. Raises UsageError without a key, DataError where none fits."""
        if not self.identities:
            raise UsageError(f"{what}: is encrypted; give its key with --identity FILE, or as backup.identity")
        private = [pyrage.x25519.Identity.from_str(text) for text in self.identities]
        try:
            with source.open("rb") as secret, target.open("wb") as plain:
                pyrage.decrypt_io(secret, plain, private)
        except (pyrage.DecryptError, OSError) as error:
            if (full := _of_the_system(error)) is not None:
                raise full from None
            raise DataError(what, "cannot be decrypted: this key does not fit, or the file was changed") from None

    def seal(self, content: bytes) -> str:
        """Return the seal of a manifest by the first key, empty without keys."""
        return _seal(self.identities[0], content) if self.identities else ""

    def is_sealed(self, content: bytes, seal: object) -> bool:
        """Say whether one of the keys made the seal, which may be anything that a stranger wrote."""
        if not isinstance(seal, str) or not seal.isascii():
            return False
        return any(hmac.compare_digest(_seal(each, content), seal) for each in self.identities)


def no_keys() -> Keys:
    """Return keys that neither encrypt nor decrypt."""
    return Keys()


def read_identities(text: str, where: str) -> tuple[str, ...]:
    """Return the secret keys in the text of an age identity file. Raises SettingsError for anything else in it."""
    lines = [line.strip() for line in text.splitlines()]
    words = [word for line in lines if not line.startswith("#") for word in line.split()]
    for word in words:
        try:
            pyrage.x25519.Identity.from_str(word)
        except pyrage.IdentityError:
            raise SettingsError(
                f"{where}: is no age key; it begins with AGE-SECRET-KEY-1 (`huracan backup key`)"
            ) from None
        register_secret(word)
    return tuple(words)


def new_identity() -> tuple[str, str]:
    """Make a key and return its secret and its public half."""
    identity = pyrage.x25519.Identity.generate()
    return str(identity), str(identity.to_public())


def _of_the_system(error: Exception) -> OSError | None:
    """Return the error of the system (a full disk) that pyrage has put into words."""
    if isinstance(error, OSError) and error.errno is not None:
        return error
    found = re.search(r"\[Errno (\d+)\]", str(error))
    return OSError(int(found[1]), os.strerror(int(found[1]))) if found else None


def _public(identity: str) -> str:
    return str(pyrage.x25519.Identity.from_str(identity).to_public())


def _seal(identity: str, content: bytes) -> str:
    key = hmac.digest(identity.encode(), b"huracan backup manifest", "sha256")
    return hmac.new(key, content, "sha256").hexdigest()
