"""Believable sentences, the same for the same seed, ready cut into tokens."""

import random

from . import tokens

_PATTERNS = (
    "The {thing} is {quality} when {people} {verb} the {thing} before the {moment}.",
    "A {quality} {thing} needs a {quality} {thing}, and not the other way round.",
    "In practice, {people} {verb} one {thing} at a time and write down what changed.",
    "Start with the {thing}: it is the part that {people} notice first.",
    "If the {thing} is {quality}, then the {thing} can wait until the {moment}.",
    "That said, {people} who {verb} the {thing} early report fewer surprises.",
    "There are three reasons: the {thing}, the {thing} and, above all, the {thing}.",
    "It helps to {verb} the {thing} twice, once by hand and once with a {thing}.",
    "By the {moment}, about {number} percent of the {thing} should be {quality}.",
    "A short note in the {thing} — two lines, no more — saves {people} an hour later.",
    'Keep the {thing} "{quality} enough" and let {people} decide about the rest.',
    "Nobody enjoys a naïve {thing}; a {quality} one costs {number} minutes more.",
    "Then meet at the café, compare the {thing} with the {thing}, and agree on the next step.",
)
_WORDS = {
    "thing": "plan budget draft schedule report model contract garden bridge recipe survey invoice route "
    "timetable archive summary checklist forecast workshop letter",
    "quality": "clear small honest careful complete simple reliable early readable modest stable quiet",
    "people": "teams readers engineers visitors neighbours editors students colleagues customers",
    "verb": "review measure describe compare simplify test discuss rewrite check finish",
    "moment": "deadline meeting weekend release evening review summer",
    "number": "5 12 20 35 40 60 75 90",
}
_CHOICES = {name: words.split() for name, words in _WORDS.items()}
_SENTENCES = 512
_SENTENCES_PER_PARAGRAPH = 4


class Prose:
    def __init__(self, seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311
        self._tokens: list[str] = []
        self._starts: list[int] = []
        for number in range(_SENTENCES):
            self._starts.append(len(self._tokens))
            opens = number % _SENTENCES_PER_PARAGRAPH == 0
            closes = number % _SENTENCES_PER_PARAGRAPH == _SENTENCES_PER_PARAGRAPH - 1
            self._tokens += tokens.pieces(("" if opens else " ") + _sentence(chance))
            if closes:
                self._tokens.append("\n\n")
        self._length = len(self._tokens)
        self._tokens += self._tokens

    def answer(self, choice: int) -> list[str]:
        """A few whole sentences, chosen by a number."""
        first = choice % _SENTENCES
        last = first + 3 + choice // _SENTENCES % 7
        end = self._starts[last % _SENTENCES] + (self._length if last >= _SENTENCES else 0)
        found = self._tokens[self._starts[first] : end]
        if found[-1] == "\n\n":
            found.pop()
        found[0] = found[0].lstrip()
        return found

    def exactly(self, wanted: int, choice: int) -> list[str]:
        """As many tokens as asked for, ending with a full stop."""
        start = self._starts[choice % _SENTENCES]
        found = self._tokens[start : start + min(wanted, self._length)]
        while len(found) < wanted:
            missing = wanted - len(found)
            found += self._tokens[start : start + min(missing, self._length)]
        if found:
            found[0] = found[0].lstrip()
        if wanted > 1:
            found[-1] = "."
        return found


def _sentence(chance: random.Random) -> str:
    text = chance.choice(_PATTERNS)
    while "{" in text:
        before, _, rest = text.partition("{")
        name, _, after = rest.partition("}")
        text = before + chance.choice(_CHOICES[name]) + after
    return text
