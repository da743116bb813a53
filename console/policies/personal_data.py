"""What a policy says about personal data and secrets, as people say it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings

_WHERE = {"both": "in requests and answers", "request": "in requests", "answer": "in answers"}
_DONE = {
    "log": "told of and left as it is",
    "tokenize": "replaced by a placeholder, which is turned back in the answer",
    "hash": "replaced by a digest",
    "mask": "replaced by its type",
}
_BLOCKED = {
    "both": "A request with it is refused, an answer with it ends there",
    "request": "A request with it is refused",
    "answer": "An answer with it ends there",
}


def personal_data_words(said: Mapping[str, Any]) -> Iterator[str]:
    """Of the field as revisions store it."""
    if not said["rules"]:
        yield "Nothing is looked for: there is no rule."
        return
    for rule in said["rules"]:
        yield _rule(rule)
    yield from map(_inspector, said.get("inspectors", ()))
    own = [one["name"] for one in (*said["patterns"], *said["dictionaries"])]
    if own:
        yield f"Types of its own: {', '.join(own)}."
    if said["allow"]:
        count = len(said["allow"])
        yield f"{count} value{' is' if count == 1 else 's are'} never taken for any of it."
    held = "is refused" if said["when_uninspected"] == "refuse" else "passes, and is marked as not inspected"
    most = f"{said['max_bytes']:,} bytes of text or longer than {said['deadline_ms'] / 1000:g} seconds"
    yield f"A request that takes more than {most} to look through {held}."
    yield from _names(said.get("names") or {})
    if any(rule["direction"] != "request" for rule in said["rules"]):
        yield f"Streams are held back by up to {said['hold_back']:,} characters, so that a value is seen whole."


def _names(said: Mapping[str, Any]) -> Iterator[str]:
    if said.get("by") != "model":
        return
    held = "is refused" if said["when_uninspected"] == "refuse" else "passes, and is marked as not inspected"
    yield f"Names and addresses in running text are looked for by the model too. A call that it does not look at within {said['deadline_ms'] / 1000:g} seconds {held}."
    if not settings.ORBIT_NAMES_WORKERS:
        yield f"This installation has no workers for that (ORBIT_NAMES_WORKERS), so each such call {held}."


def _inspector(said: Mapping[str, Any]) -> str:
    what = {"both": "requests and answers", "request": "requests", "answer": "answers"}[said["on"]]
    how = "as they came" if said["before_masking"] else "as these rules leave them"
    failing = "refuses the call" if said["on_failure"] == "refuse" else "lets it pass, marked"
    return f"Texts of {what} go to the inspector {said['name']}, {how}; that it does not answer in {said['deadline_ms'] / 1000:g} seconds {failing}."


def _rule(rule: Mapping[str, Any]) -> str:
    types = "Everything that is known" if "*" in rule["types"] else ", ".join(rule["types"])
    sure = "" if rule["threshold"] <= 0.5 else f", where the score is at least {rule['threshold']:g}"
    where = _WHERE[rule["direction"]]
    if rule["shadow"]:
        return f"{types} {where}{sure}: only reported; the rule would {rule['action']}."
    if rule["action"] == "block":
        return f"{types}{sure}: {_BLOCKED[rule['direction']][:1].lower()}{_BLOCKED[rule['direction']][1:]}."
    return f"{types} {where}{sure}: {_DONE[rule['action']]}."
