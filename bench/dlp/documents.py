"""Documents with gold spans, made of templates and drawn values.

A file of templates is named after its language; those of `shared.txt` are filled for every language. Templates are
parted by `---`; the first line says the form, after `clean ` for those without personal data. `{{KIND}}` and
`{{KIND:variant}}` become a value with a gold span, `{{word}}` in lower case a value that is nobody's.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.dlp.filler import filler
from bench.dlp.values import Values

TEMPLATES = Path(__file__).parent / "templates"
CLEAN_SHARE = 0.25
_FIELD = re.compile(r"\{\{(\w+)(?::(\w+))?\}\}")


@dataclass(frozen=True)
class Gold:
    start: int
    end: int
    kind: str


@dataclass(frozen=True)
class Document:
    text: str
    spans: tuple[Gold, ...]
    language: str
    form: str


@dataclass(frozen=True)
class Template:
    language: str
    form: str
    clean: bool
    text: str


def templates(folder: Path) -> list[Template]:
    return [template for path in sorted(folder.glob("*.txt")) for template in _read(path)]


def generated(all_of: list[Template], count: int, seed: int) -> Iterator[Document]:
    """`count` for each language, a quarter of them clean."""
    languages = sorted({one.language for one in all_of} - {"shared"})
    for language in languages:
        drawn = random.Random(f"{seed} {language}")
        values = Values(language, drawn)
        own = [one for one in all_of if one.language in (language, "shared")]
        filled = [one for one in own if not one.clean]
        clean = [one for one in own if one.clean]
        for number in range(count):
            template = drawn.choice(clean if number < count * CLEAN_SHARE else filled)
            yield filled_in(template.text, values, language, template.form)


def filled_in(template: str, values: Values, language: str, form: str) -> Document:
    parts: list[str] = []
    spans: list[Gold] = []
    place = length = 0
    for field in _FIELD.finditer(template):
        before = template[place : field.start()]
        kind, variant = field[1], field[2] or ""
        value, shift = (filler(kind, values.drawn), 0) if kind.islower() else values.value(kind, variant)
        start = length + len(before)
        if not kind.islower():
            spans.append(Gold(start + shift, start + len(value), kind))
        parts += before, value
        length = start + len(value)
        place = field.end()
    return Document("".join([*parts, template[place:]]), tuple(spans), language, form)


def _read(path: Path) -> Iterator[Template]:
    for block in path.read_text().split("\n---\n"):
        head, _, text = block.strip("\n").partition("\n")
        yield Template(path.stem, head.removeprefix("clean "), head.startswith("clean "), text)
