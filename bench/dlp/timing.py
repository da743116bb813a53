"""CPU time of the rules on one core, and texts made to be slow."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

from dlp.detectors.scan import Detector

HOSTILE = {
    "digits": "1234567890 ", "one long number": "1", "at signs": "a@", "colons": "1:", "addresses of mail": "a@b.cd ", "keys begun": "-----BEGIN PRIVATE KEY-----", "labels": "password: ",
    "capitals": "Name Aa ", "blanks": " ", "table": "a|", "street": "1 Aa Aa ", "plus": "+1 202 555 0199 ", "base64": "QUJDRA", "dates": "born 12.03.1984 ",
}  # fmt: skip


def of_size(texts: Sequence[str], size: int, count: int) -> list[str]:
    """Texts of so many bytes, put together from documents that follow each other."""
    joined = "\n".join(texts)
    whole = joined * (1 + size * count // max(1, len(joined)))
    return [whole[at * size : (at + 1) * size] for at in range(count)]


def median_ms(detector: Detector, texts: Sequence[str]) -> float:
    spent = []
    for text in texts:
        began = time.process_time()
        detector.scan(text)
        spent.append((time.process_time() - began) * 1000)
    return statistics.median(spent)


def hostile_ms(detector: Detector, size: int) -> dict[str, tuple[float, float]]:
    """For each, the time of half the size and of the size."""
    return {
        name: (
            median_ms(detector, [unit * (size // 2 // len(unit))]),
            median_ms(detector, [unit * (size // len(unit))]),
        )
        for name, unit in HOSTILE.items()
    }
