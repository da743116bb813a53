"""Placeholders: what stands for a value on its way to a provider, and the map that leads back.

`[EMAIL_ADDRESS_K7Q2MX]` is the type and a code. The code is a keyed hash of type and value under a key of the
conversation, so each turn of a chat makes the same placeholders again, whatever turn it begins with: a provider's prompt
cache still hits, and nothing has to be kept between turns. Another conversation has another key, so that a provider
cannot tell that two of them are about the same person.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping

from dlp.findings import Finding

# No vowels, so that no code is a word, and no signs that are mistaken for each other.
_ALPHABET = "BCDFGHJKMNPQRSTVWXZ2346789"
CODE = 6
_LONGEST_CODE = 24
_CODES = re.compile(rf"(?<=_)[{_ALPHABET}]{{{CODE}}}")
_NO_NAME = re.compile(r"[^A-Z0-9]+")


class Taken:
    """What stands in a text already and looks like a placeholder's core. Read once, however many values it has."""

    def __init__(self, text: str) -> None:
        self._text = text.upper()
        self._codes = frozenset(_CODES.findall(self._text))

    def __contains__(self, core: str) -> bool:
        code = core.rpartition("_")[2]
        return code[:CODE] in self._codes and core in self._text


class Placeholders:
    """Of one request or session. It holds the values themselves, so it is never logged, and its repr tells none."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._cores: dict[tuple[str, str], str] = {}
        self._values: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<Placeholders: {len(self._values)}>"

    def __len__(self) -> int:
        return len(self._values)

    @property
    def values(self) -> Mapping[str, str]:
        """The value for each core: a placeholder without its brackets, in upper case."""
        return self._values

    def standing_for(self, kind: str, value: str, taken: Taken | None = None) -> str:
        """The same for the same kind and value. It is none of those `taken` in the text that stays as it is."""
        core = self._cores.get((kind, value))
        if core is None:
            core = next(one for one in self._candidates(kind, value) if self._is_free(one, taken))
            self._cores[kind, value] = core
            self._values[core] = value
        return f"[{core}]"

    def replaced(self, text: str, findings: Iterable[Finding]) -> str:
        """The text with a placeholder for each finding. Findings are in order and do not overlap."""
        made: list[str] = []
        place, taken = 0, Taken(text)
        for finding in findings:
            made += text[place : finding.start], self.standing_for(finding.kind, finding.value(text), taken)
            place = finding.end
        return "".join([*made, text[place:]])

    def _candidates(self, kind: str, value: str) -> Iterator[str]:
        name = _NO_NAME.sub("_", kind.upper()).strip("_") or "VALUE"
        message = f"{kind}\0{value}".encode("utf-8", "surrogatepass")
        digest = int.from_bytes(hmac.digest(self._key, message, hashlib.sha256), "big")
        code = ""
        while len(code) < _LONGEST_CODE:
            digest, sign = divmod(digest, len(_ALPHABET))
            code += _ALPHABET[sign]
            if len(code) >= CODE:
                yield f"{name}_{code}"
        raise RuntimeError("no placeholder is free")

    def _is_free(self, core: str, taken: Taken | None) -> bool:
        return core not in self._values and (taken is None or core not in taken)
