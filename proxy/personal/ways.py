"""What is done to an answer's texts: values restored, or what the policy finds replaced. In pieces, or whole."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import orjson

from dlp.findings import Finding
from dlp.names.wire import Reason
from dlp.policy import Decided, Direction
from dlp.restore import Patterns, Restorer, restored
from dlp.walk import Place, Shape, Text, walked
from orbit.lib import numbers
from proxy.personal.asking import Said
from proxy.personal.findings import Found
from proxy.personal.inspection import Inspection, blocked

STEP = 64  # characters that come together before they are looked at
SHARE = 4  # of what waits or is looked at again, the part that has to come anew first: so each is looked at a few times, however long
BEFORE = 80  # characters that are passed on already, and tell what follows them
SENTENCE = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s)|[。！？\n]")
MOST_OF_A_SENTENCE = 400  # characters, after which the model looks at what there is of it
MOST_LATE = 3
MOST_HELD = 20_000  # characters of one finding that does not end, or of what waits
CAPPED, LATE, DEEP = "cap", "deadline", "format"
# Where answers of any shape have what was written; the rest repeats the request.
_WRITTEN = ("output", "output_text", "choices", "content", "candidates", "text", "segments", "data")


class Pieces(Protocol):
    """One text that comes in pieces: of a choice, or the arguments of one tool call."""

    def feed(self, piece: str) -> str: ...

    def finish(self) -> str: ...


class Way(Protocol):
    """`stopped`: the answer ends here. `waiting`: characters that are looked at when more has come. `thinks`: thinking is changed too, whose signature then does not fit any more.
    `hides`: what repeats the text otherwise, such as its tokens with their probabilities, is taken out."""

    stopped: bool
    waiting: int
    thinks: bool
    hides: bool

    def pieces(self, *, in_json: bool) -> Pieces: ...

    def text(self, value: str, *, in_json: bool) -> str:
        """A whole text, which may have come in pieces before."""
        ...

    def whole(self, value: Any, shape: Shape) -> Any:
        """A body, or a part of one in its place in a body. The same object where nothing changed."""
        ...

    def missed(self, why: str) -> None:
        """Takes note of what cannot be looked at."""
        ...

    def news(self) -> tuple[str, int]:
        """Since it was asked last: what began to wait for its end, and how many bytes went on in the place of such. Fewer
        than none where what went on became shorter behind it."""
        ...


class Restoring:
    """Placeholders back into values. Signed thinking keeps them, so that its provider takes it back. `structured`: texts are
    JSON, and so a value is written there as the inside of a JSON string. `counted`: arguments were counted while they waited
    in front of this, so what they grow by here is told."""

    stopped = thinks = hides = False
    waiting = 0

    def __init__(self, values: Mapping[str, str], *, structured: bool = False, counted: bool = False) -> None:
        self._patterns = Patterns(values)
        self._structured = structured
        self._counted = counted
        self.grown = 0  # bytes

    def pieces(self, *, in_json: bool) -> Pieces:
        restorer = Restorer(self._patterns, in_json=in_json or self._structured)
        return _Grown(self, restorer) if in_json and self._counted else restorer

    def text(self, value: str, *, in_json: bool) -> str:
        return restored(value, self._patterns, in_json=in_json or self._structured)

    def whole(self, value: Any, shape: Shape) -> Any:
        try:
            return walked(
                value, shape, lambda text: self.text(text.value, in_json=text.raw), raw_arguments=True
            )
        except ValueError:  # nested deeper than we go
            return value

    def missed(self, why: str) -> None:
        """Placeholders stay where they are."""

    def news(self) -> tuple[str, int]:
        grown = self.grown
        self.grown -= grown
        return "", grown


class _Grown:
    """Arguments in which values are put back."""

    def __init__(self, way: Restoring, pieces: Pieces) -> None:
        self._way = way
        self._pieces = pieces

    def feed(self, piece: str) -> str:
        made = self._pieces.feed(piece)
        self._way.grown += _size(made) - _size(piece)
        return made

    def finish(self) -> str:
        made = self._pieces.finish()
        self._way.grown += _size(made)
        return made


@dataclass
class Masking:
    """What the policy finds in an answer, replaced. Values of the request stand as placeholders yet, and are not found."""

    inspection: Inspection
    stopped: bool = False
    waiting: int = 0
    came: list[str] = field(default_factory=list)  # that began to wait
    freed: int = 0  # bytes that go on in the place of those that wait no longer
    size: int = 0
    deadline: float = 0.0  # of a whole answer
    told: dict[str, str] = field(default_factory=dict)  # texts that came in pieces, and what became of them
    named: Mapping[str, Found] = field(default_factory=dict)  # by the model, of what is looked at as a whole
    late: int = 0  # questions to the model that were not answered in time
    inner: dict[tuple[str, str], str] = field(
        default_factory=dict
    )  # values by key and text that came in objects
    thinks = True
    hides = True

    @property
    def names(self) -> bool:
        """Whether the model is asked, which blocks."""
        return self.inspection.wait is not None

    def pieces(self, *, in_json: bool) -> Pieces:
        return _Arguments(self) if in_json else _Window(self)

    def text(self, value: str, *, in_json: bool) -> str:
        known = self.told.get(value)
        if known is not None:
            return known
        made = self._in_json(value) if in_json else self.replaced(Text(Place.ASSISTANT, value))
        self.told[value] = made
        return made

    def whole(self, value: Any, shape: Shape) -> Any:
        written = {name: value[name] for name in _WRITTEN if name in value}
        try:
            if self.names:
                self.named = self._named_in(written, shape)
            self.deadline = time.monotonic() + self.inspection.policy.deadline_s
            made = self._walked(written, shape)
        except ValueError:
            self.missed(DEEP)
            return value
        finally:
            self.deadline, self.named = 0.0, {}  # what comes later in the same stream has its own time
        return value if made is written else {**value, **made}

    def replaced(self, text: Text) -> str:
        if not self.grows(text.value):
            return self.unseen(text.value)
        if self.deadline and time.monotonic() > self.deadline:
            self.missed(LATE)
            return self.unseen(text.value)
        named = self.named_in(text.value)
        if self.stopped:
            return ""
        looked = self.inspection.look(text, Direction.ANSWER, named)
        if looked.capped:
            self.missed(CAPPED)
        decided = self.foreign(looked.decided, text.value)
        if not decided:
            return text.value
        self.stopped = self.stopped or bool(blocked(decided))
        self.inspection.note(decided, text.place, Direction.ANSWER)
        return self.inspection.replaced(text, decided, Direction.ANSWER)

    def grows(self, piece: str) -> bool:
        """Whether so much more is inspected."""
        self.size += len(piece)
        if self.size <= self.inspection.policy.max_bytes:
            return True
        self.missed(CAPPED)
        return False

    def missed(self, why: str) -> None:
        self.inspection.miss(Direction.ANSWER, why)
        self.stopped = self.stopped or self.inspection.policy.refuses

    def news(self) -> tuple[str, int]:
        count, freed = len(self.came), self.freed
        came = "".join(self.came[:count])
        del self.came[:count]
        self.freed -= freed
        return came, freed

    def unseen(self, text: str) -> str:
        """What becomes of what was not looked at."""
        return "" if self.stopped else text

    def named_in(self, text: str) -> Found | None:
        """What the model finds; None where it is not asked, or did not look, which is noted."""
        if not self.names:
            return None
        known = self.named.get(text)
        return self._ask([text]).get(text) if known is None else known

    def _named_in(self, written: dict[str, Any], shape: Shape) -> Mapping[str, Found]:
        """All texts of a whole answer in one go."""
        texts: list[str] = []
        left = self.inspection.policy.max_bytes - self.size

        def listed(text: Text) -> str:
            nonlocal left
            left -= len(text.value)
            if left >= 0 and text.value not in self.told:
                texts.append(text.value)
            return text.value

        walked(written, shape, listed)
        return self._ask(texts) if texts else {}

    def _ask(self, texts: Sequence[str]) -> Mapping[str, Found]:
        """After a few that came late the rest of an answer is not kept waiting any more."""
        inspection, names = self.inspection, self.inspection.policy.names
        assert inspection.wait is not None
        assert names is not None
        said = inspection.wait(texts) if self.late < MOST_LATE else Said({}, Reason.LATE)
        if said.missed is not None:
            self.late += said.missed is Reason.LATE
            inspection.miss_names(Direction.ANSWER, said.missed)
            self.stopped = self.stopped or names.refuses
        return said.found

    def foreign(self, decided: Sequence[Decided], text: str) -> list[Decided]:
        """Without those in which a placeholder of ours stands."""
        cores = self.inspection.placeholders.values
        if not cores or not decided:
            return list(decided)
        values = [(one, one.finding.value(text).upper()) for one in decided]
        return [one for one, value in values if not any(core in value for core in cores)]

    def _walked(self, value: Any, shape: Shape, *, new: bool = False) -> Any:
        """What a stream tells again, as Responses do with every item, is looked at and counted once."""
        fresh: dict[tuple[str, str], str] = {}

        def change(text: Text) -> str:
            name = text.label, text.value
            known = None if new else self.inner.get(name, self.told.get(text.value))
            if known is None:
                known = fresh[name] = self.replaced(text)
            return known

        try:
            return walked(value, shape, change)
        finally:
            self.inner.update(fresh)

    def _in_json(self, value: str) -> str:
        """The values in a tool call's arguments."""
        call = {"choices": [{"message": {"tool_calls": [{"function": {"arguments": value}}]}}]}
        try:
            if self.names:
                self.named = self._named_in(call, Shape.CHAT)
            made = self._walked(call, Shape.CHAT, new=True)
        except ValueError:
            self.missed(DEEP)
            return self.unseen(value)
        finally:
            self.named = {}
        changed: str = made["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
        return changed


class _Arguments:
    """Nobody can use the arguments of a call before their end, so they are looked at as a whole."""

    def __init__(self, way: Masking) -> None:
        self._way = way
        self._said: list[str] = []

    def feed(self, piece: str) -> str:
        self._said.append(piece)
        self._way.waiting += len(piece)
        self._way.came.append(piece)
        return ""

    def finish(self) -> str:
        said = "".join(self._said)
        self._way.waiting -= len(said)
        self._said.clear()
        made = self._way.text(said, in_json=True) if said else ""
        self._way.freed += _size(made)
        return made


class _Window:
    """The last characters wait until it is seen what they belong to; where names are looked for, until their sentence ends."""

    def __init__(self, way: Masking) -> None:
        self._way = way
        self._hold_back = way.inspection.policy.hold_back
        self._before = self._held = ""
        self._tried = 0  # characters that are held and were looked at already
        self._enough = 0  # characters held, before which a finding that goes on is not looked at again
        self._said: list[str] = []
        self._made: list[str] = []

    def feed(self, piece: str) -> str:
        self._said.append(piece)
        self._held += piece
        count = self._due()
        return self._released(count, last=False) if count > 0 else ""

    def finish(self) -> str:
        made = self._released(len(self._held), last=True) if self._held else ""
        if self._said:
            self._way.told["".join(self._said)] = "".join(self._made)
        return made

    def _due(self) -> int:
        """How much may be looked at by now."""
        ready = len(self._held) - self._hold_back
        if len(self._held) < self._enough:
            return 0
        if not self._way.names:
            step = max(min(STEP, self._hold_back), self._hold_back // SHARE)
            return ready if ready >= step else 0
        ends = [found.end() for found in SENTENCE.finditer(self._held, self._tried, max(ready, self._tried))]
        if ends:
            return ends[-1]
        return ready if ready - self._tried >= MOST_OF_A_SENTENCE else 0

    def _released(self, count: int, *, last: bool) -> str:
        way, offset = self._way, len(self._before)
        text = self._before + self._held
        if not way.grows(self._held[self._tried : count]):
            return self._passed(text, len(text), way.unseen(text[offset:]))
        named = way.named_in(text)
        if way.stopped:
            return self._passed(text, len(text), "")
        looked = way.inspection.findings.unremembered(
            way.inspection.policy, text, Direction.ANSWER, named or ()
        )
        decided = [one for one in way.foreign(looked.decided, text) if one.finding.end > offset]
        cut = offset + count
        if not last and len(self._held) < MOST_HELD:
            cut = max(offset, _before_findings(cut, decided))  # some began in what is passed on already
        made = self._passed(text, cut, self._replaced(text, offset, cut, decided) if cut > offset else "")
        self._tried = offset + count - cut
        if self._tried:
            more = max(STEP, len(self._held) // SHARE)
            self._enough = min(len(self._held) + more, max(MOST_HELD, len(self._held) + STEP))
        return made

    def _replaced(self, text: str, offset: int, cut: int, decided: list[Decided]) -> str:
        """What stands between offset and cut. It ends with the first thing that is blocked."""
        way = self._way
        inside = [_moved(one, -offset) for one in decided if one.finding.start < cut]
        stop = next(iter(blocked(inside)), None)
        if stop is not None:
            way.stopped = True
            cut = offset + stop.finding.start
            way.inspection.note([stop], Place.ASSISTANT, Direction.ANSWER)
            inside = [one for one in inside if one.finding.end <= stop.finding.start]
        way.inspection.note(inside, Place.ASSISTANT, Direction.ANSWER)
        piece = Text(Place.ASSISTANT, text[offset:cut])
        return way.inspection.replaced(piece, inside, Direction.ANSWER)

    def _passed(self, text: str, cut: int, made: str) -> str:
        self._before, self._held = text[max(0, cut - BEFORE) : cut], text[cut:]
        self._tried = self._enough = 0
        self._made.append(made)
        return made


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _before_findings(cut: int, decided: list[Decided]) -> int:
    """Not inside of one."""
    while True:
        starts = [one.finding.start for one in decided if one.finding.start < cut < one.finding.end]
        if not starts:
            return cut
        cut = min(starts)


def _moved(one: Decided, by: int) -> Decided:
    found = one.finding
    return replace(
        one, finding=Finding(max(0, found.start + by), found.end + by, found.kind, found.score, found.rule)
    )


def without_logprobs(value: Any) -> Any:
    """The same object where there are none."""
    if isinstance(value, list):
        made = [without_logprobs(one) for one in value]
        return value if all(new is old for new, old in zip(made, value, strict=True)) else made
    if not isinstance(value, dict):
        return value
    changed = {
        name: ([] if isinstance(one, list) else None) if name == "logprobs" else without_logprobs(one)
        for name, one in value.items()
    }
    same = all(changed[name] is one or (name == "logprobs" and not one) for name, one in value.items())
    return value if same else changed


def read(data: bytes) -> dict[str, Any] | None:
    """A JSON object with all its digits; None for anything else. Also what only lenient readers take, since a client may be
    one: half a pair of surrogates, NaN, a line end in a text."""
    try:
        found = numbers.read(data)
    except orjson.JSONDecodeError:
        try:
            found = json.loads(data.decode("utf-8", "replace"), strict=False)
        except (ValueError, RecursionError):
            return None
    return found if isinstance(found, dict) else None


def written(value: Any) -> bytes:
    """JSONEncodeError for what is nested deeper than anything can write."""
    try:
        return numbers.write(value)
    except orjson.JSONEncodeError as error:
        try:
            return json.dumps(value, separators=(",", ":")).encode()
        except (ValueError, RecursionError):
            raise error from None
