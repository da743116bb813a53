"""The set: a quarter of each language's documents holds nothing personal."""

from __future__ import annotations

import random
from collections.abc import Iterator

from bench.dlp.documents import CLEAN_SHARE, Document
from bench.dlp.heldout.language import Template
from bench.dlp.heldout.languages import de, en, es, fr, it, ja, nl, pl, pt, sv
from bench.dlp.heldout.slots import filled

LANGUAGES = tuple(one.LANGUAGE for one in (de, en, es, fr, it, ja, nl, pl, pt, sv))


def documents(count: int, seed: int) -> Iterator[Document]:
    """`count` for each language; the same for the same seed."""
    for language in LANGUAGES:
        drawn = random.Random(f"held out {seed} {language.code}")
        clean = _turns([one for one in language.templates if one.clean], drawn)
        others = _turns([one for one in language.templates if not one.clean], drawn)
        for number in range(count):
            yield filled(next(clean if number < count * CLEAN_SHARE else others), language, drawn)


def _turns(templates: list[Template], drawn: random.Random) -> Iterator[Template]:
    """Each once, in an order that is drawn, and again."""
    while True:
        yield from drawn.sample(templates, len(templates))
