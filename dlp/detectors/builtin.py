"""Our rules, all of them."""

from __future__ import annotations

from functools import lru_cache

from dlp.detectors import contact, money, national, people, phones, secrets
from dlp.detectors.rule import Rule
from dlp.detectors.scan import Detector


@lru_cache(maxsize=1)
def detector() -> Detector:
    """The process's own, of all of them: compiling takes some hundred milliseconds and some megabytes."""
    return Detector(rules())


def rules() -> list[Rule]:
    return [
        *secrets.rules(),
        *contact.rules(),
        *money.rules(),
        *national.rules(),
        *people.rules(),
        *phones.rules(),
    ]
