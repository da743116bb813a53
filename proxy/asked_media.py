"""What requests beside chat ask for: text completions, moderations, pictures, sound. Of a form, `body` holds its texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from proxy.fields import MOST_CHOICES, MOST_OUTPUT, Asked, bad, integer, stream_of

USUAL_COMPLETION = 16  # tokens that a text completion has where nobody says how many
# What OpenAI takes where a request names no model. The gateway has to know whose call it is.
USUAL_MODELS = {"moderations": "omni-moderation-latest"}


def _completion(body: Mapping[str, Any]) -> Asked:
    prompt = body.get("prompt")
    if prompt is not None and (not isinstance(prompt, (str, list)) or prompt == []):
        raise bad("prompt", "must be a text, a list of texts, a list of tokens, or a list of such lists")
    stream = stream_of(body)
    choices = integer(body, "n", 1, MOST_CHOICES) or 1
    drafts = integer(body, "best_of", 1, MOST_CHOICES)
    if drafts is not None and drafts < choices:
        raise bad("best_of", "must not be less than 'n'")
    output = integer(body, "max_tokens", 0, MOST_OUTPUT)
    return Asked(stream, choices, USUAL_COMPLETION if output is None else output)


def _moderation(body: Mapping[str, Any]) -> Asked:
    given = body.get("input")
    if not isinstance(given, (str, list)) or not given:
        raise bad("input", "must be a text, a list of texts, or a list of parts")
    return Asked(output=0)


CHECKS: Mapping[str, Callable[[Mapping[str, Any]], Asked]] = {
    "completions": _completion,
    "moderations": _moderation,
}
