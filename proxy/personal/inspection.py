"""What is known about the personal data of one call: what was found, what stands for it, and what nobody looked at."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

from dlp.names.wire import Reason
from dlp.placeholders import Placeholders, Taken
from dlp.policy import Action, Decided, Direction, Inspecting
from dlp.walk import Place, Text
from orbit.lib.errors import Code, OrbitError
from proxy.personal.asking import Said
from proxy.personal.findings import Findings, Found, Looked
from proxy.personal.outward import Outward

MOST_ROWS = 100  # of an event
DIGEST = 12  # signs
KEPT = frozenset({Action.LOG})

NAMES = "names"
# Why the model did not look, in the words of events.
WHY = {Reason.LATE: "deadline", Reason.LONG: "cap"}

Row = tuple[str, str, str, str, bool]  # type, direction, place, action, shadow


class Missed(NamedTuple):
    """What should have been inspected and was not: all, or the `names` that the model finds."""

    direction: str
    reason: str
    what: str = ""


class Ahead(Protocol):
    """Who counts what a provider writes, and would not see what waits to be inspected."""

    def waits(self, came: str, freed: int) -> None:
        """`came` waits from now on; `freed` bytes go on in the place of what waited, and are not to be counted again."""


@dataclass
class Inspection:
    """Of one call, for as long as it runs: `placeholders` hold the values. Its repr tells none."""

    policy: Inspecting
    findings: Findings
    organization_id: str
    key: bytes = field(repr=False)  # the organization's, of digests
    placeholders: Placeholders
    threads: ThreadPoolExecutor  # for what is too long for the event loop
    most_bytes: int  # of a plain answer
    found: Counter[Row] = field(default_factory=Counter)
    uninspected: set[Missed] = field(default_factory=set)
    wait: Callable[[Sequence[str]], Said] | None = None  # asks the model and blocks, for threads alone
    waiting: ThreadPoolExecutor | None = None  # the threads that may
    outward: Outward | None = None  # where the policy names inspectors outside
    structured: bool = False  # the answer's text is to be JSON
    large: bool = False  # the request has more text than is inspected
    ahead: Ahead | None = None  # of the stream that is running

    def look(self, text: Text, direction: Direction, named: Found | None = None) -> Looked:
        return self.findings.of(self.policy, self.organization_id, text.value, text.label, direction, named)

    def miss(self, direction: Direction, reason: str) -> None:
        self.uninspected.add(Missed(direction.value, reason))

    def miss_names(self, direction: Direction, reason: Reason) -> None:
        """Rules looked, the model did not."""
        self.uninspected.add(Missed(direction.value, WHY.get(reason, reason.value), NAMES))

    def note(self, decided: Iterable[Decided], place: Place, direction: Direction) -> None:
        for one in decided:
            self.found[one.finding.kind, direction.value, place.value, one.action.value, one.shadow] += 1

    def replaced(self, text: Text, decided: Iterable[Decided], direction: Direction) -> str:
        """The text with what is to stand for each finding. Of what is blocked, with its type."""
        made: list[str] = []
        place, taken = 0, Taken(text.value)
        for one in decided:
            if one.shadow or one.action in KEPT:
                continue
            finding = one.finding
            made += text.value[place : finding.start], self._instead(one, text, direction, taken)
            place = finding.end
        return "".join([*made, text.value[place:]]) if made else text.value

    def told(self) -> dict[str, Any]:
        """As the event has it; empty when there is nothing to tell."""
        rows = [
            {
                "type": kind,
                "direction": direction,
                "place": place,
                "action": action,
                "count": count,
                **({"shadow": True} if shadow else {}),
            }
            for (kind, direction, place, action, shadow), count in sorted(self.found.items())[:MOST_ROWS]
        ]
        missed = [
            {"direction": one.direction, "reason": one.reason, **({"what": one.what} if one.what else {})}
            for one in sorted(self.uninspected)
        ]
        outward = self.outward
        if outward is not None:
            missed += [
                {"direction": one, "reason": why, "by": name} for one, name, why in sorted(outward.missed)
            ]
        told = ({"findings": rows} if rows else {}) | ({"uninspected": missed} if missed else {})
        asked = outward.told() if outward is not None else []
        return told | ({"inspectors": asked} if asked else {})

    def _instead(self, one: Decided, text: Text, direction: Direction, taken: Taken) -> str:
        kind, value = one.finding.kind, one.finding.value(text.value)
        action = one.action
        if action is Action.TOKENIZE and direction is Direction.ANSWER:
            action = Action.MASK  # nobody would turn it back
        if text.place is Place.METADATA and action in (Action.TOKENIZE, Action.MASK):
            action = (
                Action.HASH
            )  # whoever is named there stays the same one in all calls, and is told from others
        if action is Action.TOKENIZE:
            return self.placeholders.standing_for(kind, value, taken)
        if action is Action.HASH:
            message = f"{kind}\0{value}".encode("utf-8", "surrogatepass")
            return f"[{kind}#{hmac.digest(self.key, message, hashlib.sha256).hex()[:DIGEST]}]"
        return f"[{kind}]"


def blocked(decided: Iterable[Decided]) -> list[Decided]:
    return [one for one in decided if one.action is Action.BLOCK and not one.shadow]


def only_told(one: Decided) -> Decided:
    """Left as it is."""
    return one if one.shadow else replace(one, action=Action.LOG)


def refusal(found: Counter[tuple[str, str]]) -> OrbitError:
    """Names types and places, never what was found."""
    rows = [{"type": kind, "place": place, "count": count} for (kind, place), count in sorted(found.items())]
    words = ", ".join(f"{one['type']} in {_WORDS[Place(str(one['place']))]}" for one in rows[:5])
    return OrbitError(
        Code.CONTENT_BLOCKED,
        f"The policy of this key refuses what the request holds: {words}. Take it out and send the rest.",
        data={"found": rows[:20]},
    )


_WORDS = {
    Place.SYSTEM: "the instructions",
    Place.USER: "a user's message",
    Place.ASSISTANT: "an assistant's message",
    Place.TOOL_RESULT: "a tool's result",
    Place.TOOL_CALL: "the arguments of a tool call",
    Place.TOOLS: "a tool's description",
    Place.FILE: "a file",
    Place.INPUT: "the input",
    Place.METADATA: "a field, header or tag that names the user",
}
