"""Our rules, all of them."""

from __future__ import annotations

from dlp.detectors import contact, money, national, people, phones, secrets
from dlp.detectors.rule import Rule


def rules() -> list[Rule]:
    return [
        *secrets.rules(),
        *contact.rules(),
        *money.rules(),
        *national.rules(),
        *people.rules(),
        *phones.rules(),
    ]
