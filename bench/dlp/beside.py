"""What is measured beside ours: Presidio, as it comes, with a spaCy model that is a package."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from types import MappingProxyType

from dlp.findings import Finding, resolved
from orbit.launcher.state import PROJECT

# Its types that ours have. The others (dates, places, nationalities, URLs …) are left out, in its favour: they would be wrong.
_OURS = MappingProxyType(
    {
        **{one: one for one in ("EMAIL_ADDRESS", "PHONE_NUMBER", "IBAN_CODE", "CREDIT_CARD", "IP_ADDRESS", "MAC_ADDRESS", "PERSON")},
        **dict.fromkeys(("US_SSN", "US_ITIN", "UK_NINO", "UK_NHS", "ES_NIF", "ES_NIE", "IT_FISCAL_CODE", "PL_PESEL", "SG_NRIC_FIN", "IN_AADHAAR", "IN_PAN", "FI_PERSONAL_IDENTITY_CODE", "KR_RRN"), "NATIONAL_ID"),
        **dict.fromkeys(("US_PASSPORT", "IT_PASSPORT", "IN_PASSPORT", "UK_PASSPORT"), "PASSPORT"),
        "US_BANK_NUMBER": "BANK_ACCOUNT",
    }
)  # fmt: skip
_THRESHOLD = 0.4


class Presidio:
    """None of its types of other languages but English are asked for, whatever the language of the text."""

    def __init__(self) -> None:
        command = [str(_PYTHON), str(PROJECT / "bench/dlp/presidio_process.py")]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def find(self, text: str) -> tuple[Finding, ...]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(text) + "\n")
        self._process.stdin.flush()
        rows = json.loads(self._process.stdout.readline())
        known = [
            Finding(start, end, _OURS[kind], score, kind)
            for start, end, kind, score in rows
            if kind in _OURS and score >= _THRESHOLD
        ]
        return tuple(resolved(known, text))

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


_PYTHON = PROJECT / ".venv-presidio" / "bin" / "python"


def presidio() -> Presidio | None:
    """None where it is not installed."""
    return Presidio() if _PYTHON.exists() else None


Find = Callable[[str], tuple[Finding, ...]]
