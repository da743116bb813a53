"""What each endpoint is charged by, and the most that a request to it can need. Every route has a class here.

`need` is an upper bound, reserved before the call. `settled` is what is charged when the provider's answer has no
usage: flagged as estimated, and nothing only where nothing is ever charged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

from quotas import drawing, listening, speaking
from quotas.allowances import allowance
from quotas.needs import WHOLE, Asked, Made, Need, number
from quotas.rates import Rates
from quotas.unseen import unseen_input


class Class(StrEnum):
    TOKENS = "tokens"
    EMBEDDING = "embedding"
    FREE = "free"
    IMAGE = "image"
    SPEECH = "speech"
    TRANSCRIPTION = "transcription"


# By the endpoint's path without /v1, as policies name it.
CLASSES: Mapping[str, Class] = {
    **dict.fromkeys(("chat/completions", "completions", "responses", "messages"), Class.TOKENS),
    "responses/compact": Class.TOKENS,
    "embeddings": Class.EMBEDDING,
    **dict.fromkeys(("models", "moderations", "messages/count_tokens", "responses/input_tokens"), Class.FREE),
    **dict.fromkeys(("images/generations", "images/edits", "images/variations"), Class.IMAGE),
    "audio/speech": Class.SPEECH,
    **dict.fromkeys(("audio/transcriptions", "audio/translations"), Class.TRANSCRIPTION),
}


def class_of(endpoint: str) -> Class:
    """KeyError for an endpoint that nobody has given a class: such a route must not exist."""
    return CLASSES[endpoint]


def in_texts(endpoint: str) -> bool:
    """Whether what it is charged by is in its texts, where we can count it ourselves."""
    return class_of(endpoint) in (Class.TOKENS, Class.EMBEDDING)


def need(endpoint: str, asked: Asked) -> Need:
    return _NEEDS[class_of(endpoint)](asked)


def settled(endpoint: str, asked: Asked, reserved: Need, made: Made) -> Need:
    """What is charged for an answer without usage. `reserved` is what `need` gave."""
    kind = class_of(endpoint)
    if kind is Class.FREE:
        return Need()
    if kind is Class.SPEECH:
        reserved = speaking.spoken(asked, reserved, made)
    elif kind is Class.TRANSCRIPTION:
        reserved = listening.heard(asked, reserved, made)
    elif kind is Class.IMAGE:
        reserved = drawing.drawn(asked, reserved, made)
    given = reserved.input_tokens if made.input_tokens is None else made.input_tokens
    written = reserved.output_tokens if made.output_tokens is None else made.output_tokens
    if not given and not written and not WHOLE & {name for name, count in reserved.units.items() if count}:
        given = 1  # a call that did work is never free
    return Need(given, written, reserved.units)


def priced(rates: Rates, needed: Need) -> bool:
    """Whether what the call itself is charged by has a price: its tokens, or the unit that stands in their place."""
    return rates.priced or any(name in rates.units for name in WHOLE & needed.units.keys())


def refused_field(endpoint: str, asked: Asked) -> str | None:
    """The field of a request whose cost nobody can bound; it is to be refused."""
    return drawing.unbounded(asked) if class_of(endpoint) is Class.IMAGE else None


def _tokens(asked: Asked) -> Need:
    """The input's bound comes with the request; what the body does not show is at most the window."""
    given = asked.input_bound
    if unseen_input(asked.body):
        given = max(given, asked.window)
    return Need(given, asked.output_cap * _answers(asked), allowance(asked.body, asked.model))


def _answers(asked: Asked) -> int:
    """How often the provider writes up to the cap: completions have several prompts, and drafts beside what they show."""
    prompt = asked.body.get("prompt")
    if prompt is None:
        return max(asked.choices, number(asked.body, "best_of", 1))
    prompts = sum(isinstance(one, str | list) for one in prompt) if isinstance(prompt, list) else 1
    return max(asked.choices, number(asked.body, "best_of", 1)) * max(prompts, 1)


def _embedding(asked: Asked) -> Need:
    return Need(asked.input_bound, 0)


def _free(asked: Asked) -> Need:
    return Need()


_NEEDS: Mapping[Class, Callable[[Asked], Need]] = {
    Class.TOKENS: _tokens,
    Class.EMBEDDING: _embedding,
    Class.FREE: _free,
    Class.IMAGE: drawing.need,
    Class.SPEECH: speaking.need,
    Class.TRANSCRIPTION: listening.need,
}
