"""The key that signs checkpoints: a file of mode 0600, made when there is none, replaced by rotation.

A checkpoint of the old key names the next one, so whoever trusts the first key can follow to the last. Old private keys
are not kept.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


def path() -> Path:
    return Path(settings.ORBIT_CHECKPOINT_KEY)


def next_path() -> Path:
    """Where the next key waits until its handover is signed."""
    return path().with_name(path().name + ".next")


def load() -> Ed25519PrivateKey:
    """The signing key. It is made when there is none."""
    try:
        return _read(path())
    except FileNotFoundError:
        return make(path())


def make(where: Path) -> Ed25519PrivateKey:
    """A new key in a file that nobody else can read. FileExistsError where there is one."""
    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    where.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = where.with_name(f"{where.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(fresh, where)  # whole, or not there; and never over another
    finally:
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
    sync(where.parent)
    return key


def handed_over(public: str) -> Ed25519PrivateKey:
    """The key to go on with after a checkpoint that named `public` as the next one."""
    waiting = next_path()
    if waiting.exists() and public_of(_read(waiting)) == public:
        waiting.replace(path())
        sync(path().parent)
    key = load()
    if public_of(key) != public:
        raise ImproperlyConfigured(
            f"The last checkpoint hands over to key {public}, and {path()} holds another. Put the right file there."
        )
    return key


def public_of(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


def pem(public: str) -> str:
    """As openssl writes public keys."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.PEM, kind).decode()


def sync(directory: Path) -> None:
    """What was made or renamed in it outlives a loss of power."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(where: Path) -> Ed25519PrivateKey:
    found = where.stat()
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise ImproperlyConfigured(
            f"Others can read {where}, which signs checkpoints. Do `chmod 600 {where}`, and rotate the key if somebody has."
        )
    key: object = None
    with contextlib.suppress(ValueError, TypeError, UnsupportedAlgorithm):
        key = serialization.load_pem_private_key(where.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ImproperlyConfigured(f"{where} holds no Ed25519 key in PEM, without a password.")
    return key
