"""The secrets of an installation: in a file apart from the backup, which has fingerprints of them alone.

The file is one of variables, as shells and systemd's EnvironmentFile= read it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path

from orbit.backup.failures import CannotBackUp
from orbit.backup.manifest import Manifest
from orbit.launcher.keys import NAMES
from orbit.launcher.state import write_private

MASTER, PEPPER, SECRET = "ORBIT_MASTER_KEY", "ORBIT_KEY_PEPPER", "ORBIT_SECRET_KEY"
SIGNING = "ORBIT_BACKUP_CHECKPOINT_KEY"  # the PEM file in base64; read by `restore` alone
LOST = {
    MASTER: "stored contents, provider credentials and webhooks' secrets cannot be opened, and must be entered anew",
    PEPPER: "no issued key works any longer",
    SECRET: "everybody signs in again, and links that were mailed are dead",
    SIGNING: "checkpoints go on with a new key, without a handover, and auditors are given both",
}
_HEAD = """\
# What opens a backup of Orbit Gateway. Whoever has this file and the backup reads everything: keep them apart.
# Start the restored installation with these variables.
"""


def write(path: Path, secrets: Mapping[str, str], signing: bytes | None) -> None:
    if path.exists():
        raise CannotBackUp(f"{path} exists. Name a new file for the keys (--keys).")
    lines = [f"{name}={value}" for name, value in secrets.items()]
    if signing is not None:
        lines.append(f"{SIGNING}={base64.b64encode(signing).decode()}")
    write_private(path, _HEAD + "\n".join(lines) + "\n")


def read(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        raise CannotBackUp(f"{path} cannot be read as a file of keys.") from None
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    found = {name.strip(): value.strip() for name, _, value in pairs}
    unknown = found.keys() - {*NAMES, SIGNING}
    if unknown or not found:
        raise CannotBackUp(f"{path} is no file of keys as `manage.py backup` writes it.")
    return found


def fingerprints(secrets: Mapping[str, str], salt: bytes) -> dict[str, list[str]]:
    """Of each secret; of the master key, which may be several while one replaces another, of each."""
    return {
        name: [_fingerprint(name, one, salt) for one in _parts(name, secrets.get(name, ""))] for name in NAMES
    }


def lacking(manifest: Manifest, *given: Mapping[str, str]) -> list[str]:
    """The secrets of the backup that none of these has."""
    salt = bytes.fromhex(manifest.salt)
    held: dict[str, set[str]] = {name: set() for name in NAMES}
    for secrets in given:
        for name, prints in fingerprints(secrets, salt).items():
            held[name].update(prints)
    return [name for name in NAMES if not set(manifest.fingerprints[name]) <= held[name]]


def _parts(name: str, value: str) -> list[str]:
    if name != MASTER:
        return [value] if value else []
    return [part.strip().rpartition(":")[2] for part in value.split(",") if part.strip()]


def _fingerprint(name: str, secret: str, salt: bytes) -> str:
    # Slow on purpose: a secret that somebody chose must not be guessed from the backup.
    return hashlib.scrypt(secret.encode(), salt=salt + name.encode(), n=2**14, r=8, p=1, dklen=16).hex()
