"""Names of tools and ids of calls, as either side takes them."""

from __future__ import annotations

import re
from hashlib import sha256

LONGEST_NAME = 64  # of a function; Anthropic's tools may have 128
_ANY_ID = re.compile(r"[\w.:|/+=-]{1,40}", re.ASCII)  # OpenAI takes no longer ones
_SHORT_ID = re.compile(r"[A-Za-z0-9]{9}")
_ANTHROPIC_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Names:
    """Long names are cut for the provider, and known again in its answer."""

    def __init__(self) -> None:
        self.cut: dict[str, str] = {}

    def sent(self, name: str) -> str:
        if len(name) <= LONGEST_NAME:
            return name
        short = f"{name[: LONGEST_NAME - 9]}_{_digest(name)[:8]}"
        self.cut[short] = name
        return short

    def given(self, name: str) -> str:
        return self.cut.get(name, name)


def sent_id(given: str, short: bool) -> str:
    """The id of a call for the provider: the client's own, else always the same one of it."""
    if short:
        return given if _SHORT_ID.fullmatch(given) else _digest(given)[:9]
    return given if _ANY_ID.fullmatch(given) else f"call_{_digest(given)[:24]}"


def given_id(made: str, seed: str) -> str:
    """The id of a call for the client; `seed` tells apart calls that the provider gave none."""
    return made if _ANTHROPIC_ID.fullmatch(made) else f"toolu_{_digest(made or seed)[:24]}"


def message_id(made: object, seed: str) -> str:
    known = re.sub(r"[^A-Za-z0-9_-]", "", made)[:64] if isinstance(made, str) else ""
    known = known.removeprefix("chatcmpl-").removeprefix("msg_")
    return f"msg_{known or _digest(seed)[:24]}"


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
