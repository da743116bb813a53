"""Where the command line keeps addresses and keys: a file that only its owner reads. The environment goes before it.

These variables are the client's own; nothing else of the command line reads the environment.
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from orbit.cli.failures import Exit, Failure

URL, KEY, PROFILE, ORGANIZATION = (
    "ORBIT_URL",
    "ORBIT_MANAGEMENT_KEY",
    "ORBIT_PROFILE",
    "ORBIT_ORGANIZATION",
)
USUAL = "default"


@dataclass(frozen=True, slots=True)
class Profile:
    """One gateway and one credential of it. `organization`: in which commands act that name none."""

    url: str
    key: str = field(repr=False)
    organization: str = ""


def chosen(named: str | None) -> Profile:
    """The profile that is meant, with what the environment says instead."""
    stored = _read().get(named or profile_name(None))
    if stored is None and named:
        raise Failure(f"there is no profile {named!r}", f"`orbit login --profile {named}` makes it.")
    url = os.environ.get(URL, "") or (stored.url if stored else "")
    key = os.environ.get(KEY, "") or (stored.key if stored else "")
    if not url or not key:
        raise Failure(
            "this needs a gateway and a key",
            f"Run `orbit login URL`, or set {URL} and {KEY}.",
            Exit.NOT_ALLOWED,
        )
    # a stored organization is of the stored key
    usual = stored.organization if stored and key == stored.key and url == stored.url else ""
    return Profile(url, key, os.environ.get(ORGANIZATION, "") or usual)


def profile_name(named: str | None) -> str:
    return named or os.environ.get(PROFILE, "") or USUAL


def key_of_environment() -> str:
    return os.environ.get(KEY, "")


def url_of_environment() -> str:
    return os.environ.get(URL, "")


def plain_output() -> bool:
    """Whether no colours are wanted (https://no-color.org)."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"


def names() -> list[str]:
    return sorted(_read())


def store(name: str, profile: Profile) -> Path:
    return _write(_read() | {name: profile})


def forget(name: str) -> bool:
    """Whether there was one."""
    stored = _read()
    if name not in stored:
        return False
    _write({one: profile for one, profile in stored.items() if one != name})
    return True


def path() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if base else Path.home() / ".config") / "orbit" / "profiles.json"


def _read() -> dict[str, Profile]:
    file = path()
    try:
        mode = file.stat().st_mode
        content: Any = json.loads(file.read_text())
        found = {str(name): Profile(**one) for name, one in content["profiles"].items()}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Failure(f"{file} is not as `orbit login` writes it", "Move it away and log in again.") from None
    if stat.S_IMODE(mode) & 0o077:
        raise Failure(
            f"others can read {file}, and keys are in it", f"chmod 600 {file}, and have the keys replaced."
        )
    return found


def _write(profiles: dict[str, Profile]) -> Path:
    """Whole or not at all, and never readable by others, not for a moment either."""
    file = path()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = json.dumps({"profiles": {name: asdict(one) for name, one in profiles.items()}}, indent=2)
    descriptor, fresh = tempfile.mkstemp(dir=file.parent, prefix=".profiles-")  # made with mode 0600
    with os.fdopen(descriptor, "w") as out:
        out.write(text + "\n")
    Path(fresh).replace(file)
    return file
