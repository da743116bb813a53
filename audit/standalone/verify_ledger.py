#!/usr/bin/env python3
"""Verifies an export of an Orbit Gateway ledger against its signed checkpoints. Needs Python 3.11 or newer and nothing else.

    python3 verify_ledger.py --events acme.jsonl --checkpoints checkpoints.jsonl --public-key KEY

KEY is 64 hexadecimal digits or a PEM file, and must come to you by another way than the files. docs/audit.md explains each step.
Exit codes: 0 all holds, 1 something does not, 2 the input cannot be read.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import starmap
from pathlib import Path
from typing import Any, NamedTuple

START = "0" * 64
SIGNED = b"orbit-checkpoint-v1\n"  # stands before what is signed, so that the signature is of nothing else
INTERVAL_S = 300
MODULUS = 2**256
PLACE = {
    "event_id",
    "kind",
    "organization_id",
    "seq",
    "admitted_at",
    "dropped",
    "prev_hash",
    "hash",
}  # what is left of an event
MOST_FINDINGS = 20  # of one organization; the first is the one to look at

Event = dict[str, Any]


class Unreadable(ValueError):
    """The input is no export, no checkpoint or no key."""


class Entry(NamedTuple):
    """One event: what the chain needs of it. `computed` is the hash made of its content; empty where that was dropped."""

    seq: int
    event_id: str
    organization_id: str
    prev_hash: str
    hash: str
    computed: str
    recorded_at: str


@dataclass(frozen=True)
class Head:
    """How far an organization's ledger had come when a checkpoint was signed."""

    organization_id: str
    seq: int
    hash: str
    event_id: str  # of the event with that sequence
    count: int  # events since the head before
    ids: str  # sum of the hashes of their ids, and of their contents: tells what was done, where the chain tells that
    content: str
    number: int  # of the checkpoint in which it was new
    before: int  # of the one with the head before; 0: there is none
    breaks: int  # how often the ledger did not go on from what had been signed
    at: str


@dataclass
class Finding:
    code: str
    words: str
    organization_id: str = ""
    seq: int | None = None  # the first that cannot be relied on
    until: int | None = None
    checkpoint: int | None = None


@dataclass
class Trail:
    """What the checkpoints say, as far as they hold."""

    heads: dict[str, list[Head]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    checkpoints: int = 0
    number: int = 0
    hash: str = START
    at: str = ""


@dataclass
class Chain:
    """What the events say, as far as they hold."""

    organization_id: str
    events: int = 0
    dropped: int = 0  # whose content retention has removed; the chain goes over them
    first: int | None = None
    last: int = 0
    signed_until: int = 0
    longest_exposure_s: float = 0.0
    findings: list[Finding] = field(default_factory=list)
    missing_ids: int = 0  # signed sum less found sum, of the first bad stretch

    @property
    def unsigned(self) -> int:
        return max(0, self.last - self.signed_until)


# How things are read, written and hashed


class Twice(ValueError):
    """A name stands twice in one object: who reads it may take either value, so nothing can be proven of it."""


def _once(pairs: list[tuple[str, Any]]) -> Event:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Twice("a name stands twice")
    return made


_READER = json.JSONDecoder(object_pairs_hook=_once)


def read(line: str) -> Any:
    """What a line of JSON says; ValueError where it is none, or might say two things. Faster than `json.loads` with the hook."""
    text = line.strip()
    found, end = _READER.raw_decode(text)
    if end != len(text):
        raise ValueError("more than one value")
    return found


_WRITER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical(value: Any) -> bytes:
    return _WRITER.encode(value).encode()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def link(event: Event) -> str:
    """An event's hash: of all of it but the hash, so of the hash before it too."""
    told = event.copy()
    told.pop("hash", None)
    return sha256(canonical(told))


def link_of_line(line: str, event: Event) -> str:
    """The same of a line that holds the event. An export writes it as it was hashed, with the hash put in: taken out again,
    the line need not be written anew. Text that has the hash of an event is that event; any other line is taken apart."""
    stored = event["hash"]
    before, mark, after = line.partition(f'"hash":"{stored}",')
    if mark and sha256((before + after).rstrip("\n").encode()) == stored:
        return str(stored)
    return link(event)


def content_of(event: Event) -> int:
    """The event wherever it stands: without its place in the chain."""
    placed = ("seq", "prev_hash", "hash")
    return as_number(canonical({name: value for name, value in event.items() if name not in placed}))


def as_number(data: bytes) -> int:
    return int.from_bytes(hashlib.sha256(data).digest(), "big")


def leaf_of(head: Event) -> bytes:
    return hashlib.sha256(b"\x00" + canonical(head)).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(leaves: list[bytes]) -> bytes:
    """The root of a Merkle tree as RFC 9162 makes it; of no leaves the hash of nothing."""
    if not leaves:
        return hashlib.sha256().digest()
    while len(leaves) > 1:
        paired = [_node(one, two) for one, two in zip(leaves[::2], leaves[1::2], strict=False)]
        leaves = paired + leaves[len(leaves) & ~1 :]
    return leaves[0]


def root_by_path(leaf: bytes, index: int, size: int, path: list[str]) -> bytes:
    """The root that a leaf leads to by the hashes beside its way up (RFC 9162, 2.1.3.2). Empty: no such way."""
    at, last, found = index, size - 1, leaf
    for step in path:
        if last == 0 or not 0 <= index < size:
            return b""
        if at & 1 or at == last:
            found = _node(bytes.fromhex(step), found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = _node(found, bytes.fromhex(step))
        at, last = at >> 1, last >> 1
    return found if last == 0 and index < size else b""


# Ed25519 (RFC 8032), verification alone. With the package `cryptography` installed that is used, being faster.

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_I = pow(2, (_P - 1) // 4, _P)
Point = tuple[int, int, int, int]


def _add(a: Point, b: Point) -> Point:
    s = (a[1] - a[0]) * (b[1] - b[0]) % _P
    t = (a[1] + a[0]) * (b[1] + b[0]) % _P
    u, v = 2 * a[3] * b[3] * _D % _P, 2 * a[2] * b[2] % _P
    e, f, g, h = t - s, v - u, v + u, t + s
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(scalar: int, point: Point) -> Point:
    made: Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            made = _add(made, point)
        point, scalar = _add(point, point), scalar >> 1
    return made


def _point(text: bytes) -> Point | None:
    y = int.from_bytes(text, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _I % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


_BASE = _point((4 * pow(5, _P - 2, _P) % _P).to_bytes(32, "little"))


def verify_plainly(public: bytes, message: bytes, signature: bytes) -> bool:
    """The signature, by this file's own arithmetic."""
    if len(public) != 32 or len(signature) != 64 or _BASE is None:
        return False
    key, r, s = _point(public), _point(signature[:32]), int.from_bytes(signature[32:], "little")
    if key is None or r is None or s >= _L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % _L
    one, two = _times(s, _BASE), _add(r, _times(h, key))
    return (one[0] * two[2] - two[0] * one[2]) % _P == 0 and (one[1] * two[2] - two[1] * one[2]) % _P == 0


def _verify_with_library() -> Callable[[bytes, bytes, bytes], bool]:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        return verify_plainly

    def verify(public: bytes, message: bytes, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    return verify


def public_key(text: str) -> str:
    """64 hexadecimal digits, from the same, or from a PEM or a file with either."""
    if Path(text).is_file():
        text = Path(text).read_text()
    if "BEGIN PUBLIC KEY" in text:
        body = "".join(line for line in text.splitlines() if line and not line.startswith("-"))
        text = base64.b64decode(body)[-32:].hex()
    text = text.strip().lower()
    try:
        if len(bytes.fromhex(text)) == 32:
            return text
    except ValueError:
        pass
    raise Unreadable("The public key is neither 64 hexadecimal digits nor a PEM file.")


# Checkpoints


class CheckpointReader:
    """Goes through checkpoints in their order. `only` keeps the heads of one organization."""

    def __init__(self, keys: Iterable[str], only: str = "", seen: str = "") -> None:
        self.keys = set(keys)  # trusted; one that a trusted one names as the next becomes so
        self.only, self.seen = only, seen
        self.trail = Trail()
        self.verify = _verify_with_library()
        self.now: dict[str, Event] = {}  # each organization's head, as of the checkpoint
        self.narrowed, self.shown = False, 0  # and the last checkpoint that shows a head
        self.unknown: list[tuple[int, str]] = []  # signed with keys that nobody vouches for, so far

    def read(self, lines: Iterable[bytes | str]) -> Trail:
        for line in lines:
            if line.strip():
                self._take(line)
        self._end()
        return self.trail

    def _found(self, code: str, words: str, number: int) -> None:
        if len(self.trail.findings) < MOST_FINDINGS:
            self.trail.findings.append(Finding(code, words, checkpoint=number))

    def _take(self, text: bytes | str) -> None:
        try:
            line = read(text if isinstance(text, str) else text.decode())
            body, heads, proofs = line["body"], line["heads"], line.get("proofs")
            number, signature = int(body["number"]), bytes.fromhex(line["signature"])
            message = SIGNED + canonical(body)
            key, root, at, previous = (str(body[name]) for name in ("key", "root", "at", "previous"))
            size, public = int(body["organizations"]), bytes.fromhex(key)
        except (ValueError, KeyError, TypeError, AttributeError):
            self._found(
                "checkpoint_unreadable",
                f"What follows checkpoint {self.trail.number} is no checkpoint.",
                self.trail.number + 1,
            )
            return
        trail = self.trail
        valid = self.verify(public, message, signature)
        if not valid:
            self._found(
                "checkpoint_changed", f"Checkpoint {number} was changed: it is not what was signed.", number
            )
        elif "next_key" in body and key in self.keys:
            self.keys.add(str(body["next_key"]))
        if number != trail.number + 1:
            what = (
                f"checkpoint {number} follows {trail.number}: some in between are missing"
                if number > trail.number
                else f"checkpoint {number} stands twice or in the wrong place"
            )
            self._found("checkpoint_order", what[0].upper() + what[1:] + ".", number)
        elif previous != trail.hash:
            self._found(
                "checkpoint_order",
                f"Checkpoint {number} does not follow from the one before it: one of the two was exchanged.",
                number,
            )
        elif valid:
            self._vouch(number, key)
        if at < trail.at:
            self._found("checkpoint_order", f"Checkpoint {number} is dated before the one before it.", number)
        trail.checkpoints, trail.number, trail.at, trail.hash = (
            trail.checkpoints + 1,
            number,
            at,
            sha256(message),
        )
        if self.seen == f"{number}:{trail.hash}":
            self.seen = ""
        try:
            proven = self._heads(number, root, size, heads, proofs)
            made = [Head(**head, at=at) for head in heads]
        except (ValueError, KeyError, TypeError, AttributeError):
            proven, made = False, []
        if not proven:
            self._found(
                "checkpoint_heads",
                f"Checkpoint {number}: what it lists of the organizations is not what was signed.",
                number,
            )
            return
        for head in made:
            if not self.only or head.organization_id == self.only:
                self.shown = number
                self._head(head)

    def _vouch(self, number: int, key: str) -> None:
        """Each checkpoint names the hash of the one before: what a trusted key signs, it signs together with all before."""
        if key in self.keys:
            self.unknown = []
        else:
            self.unknown.append((number, key))

    def _heads(
        self, number: int, root: str, size: int, heads: list[Event], proofs: list[Event] | None
    ) -> bool:
        """Whether these heads are those whose root was signed."""
        if proofs is None:
            self.now.update({head["organization_id"]: head for head in heads})
            leaves = [leaf_of(self.now[one]) for one in sorted(self.now)]
            return root_of(leaves).hex() == root and len(leaves) == size
        self.narrowed = True
        ways = [
            root_by_path(leaf_of(head), way["index"], size, way["path"])
            for head, way in zip(heads, proofs, strict=True)
        ]
        return all(way.hex() == root for way in ways)

    def _head(self, head: Head) -> None:
        kept = self.trail.heads.setdefault(head.organization_id, [])
        last = kept[-1] if kept else None
        if last is not None and (head.seq, head.hash, head.number) == (last.seq, last.hash, last.number):
            return  # shown again in a later checkpoint, in which it still held
        if (last.number if last else 0) != head.before:
            self._found(
                "checkpoint_withheld",
                f"The checkpoint {head.before} of organization {head.organization_id} is left out before {head.number}.",
                head.number,
            )
        if head.breaks > (last.breaks if last else 0):
            signed = (
                f"checkpoint {last.number} had signed (up to sequence {last.seq})"
                if last
                else "had been signed"
            )
            self.trail.findings.append(
                Finding(
                    "rolled_back",
                    f"When checkpoint {head.number} was signed, the ledger no longer went on from what {signed}: an older state "
                    "was put back, or entries were rewritten before that time.",
                    head.organization_id,
                    checkpoint=head.number,
                )
            )
        kept.append(head)

    def _end(self) -> None:
        trail = self.trail
        for number, key in self.unknown[:1]:
            self._found(
                "checkpoint_key",
                f"Checkpoint {number} is signed with key {key}, which is neither given nor handed over to: it is somebody else's.",
                number,
            )
        if self.narrowed and self.shown != trail.number:
            self._found(
                "checkpoint_withheld",
                f"The last checkpoint, {trail.number}, does not show how far the organization had come: what was signed last is left out.",
                trail.number,
            )
        if self.seen:
            self._found(
                "checkpoint_lost",
                f"The checkpoint seen earlier ({self.seen[:12]}…) is not among these: they are older than it, or another list.",
                trail.number,
            )


# Events


def check_chain(
    organization_id: str,
    entries: Iterable[Entry],
    heads: list[Head],
    again: Callable[[int], Iterable[Event]],
    *,
    partial: bool = False,
) -> Chain:
    """Walks the entries in the order of their sequence. `again` gives the events after a sequence once more, to tell what was done."""
    chain = Chain(organization_id)
    waiting = deque(heads)
    before: Head | None = None
    expected, last_hash, waits_since = 1, START, ""
    bad: tuple[Head | None, Head] | None = None

    def found(
        code: str, words: str, seq: int, until: int | None = None, checkpoint: int | None = None
    ) -> None:
        if len(chain.findings) < MOST_FINDINGS:
            chain.findings.append(Finding(code, words, organization_id, seq, until, checkpoint))

    for entry in entries:
        seq = entry.seq
        if chain.first is None:
            chain.first = seq
            if partial:
                while waiting and waiting[0].seq < seq:
                    before = waiting.popleft()
                expected = seq
                known = before is not None and before.seq == seq - 1
                last_hash = before.hash if known and before is not None else entry.prev_hash
        if entry.organization_id != organization_id:
            found(
                "foreign",
                f"Sequence {seq} is of organization {entry.organization_id}: it was moved here.",
                seq,
            )
        if seq > expected:
            one = seq - expected == 1
            what = f"Sequence {expected} is" if one else f"Sequences {expected} to {seq - 1} are"
            found("missing", f"{what} missing: deleted.", expected, seq - 1)
        elif seq < expected:
            found(
                "repeated",
                f"Sequence {seq} comes after {expected - 1}: it was inserted, or entries were reordered.",
                seq,
            )
        elif entry.prev_hash != last_hash:
            found(
                "unlinked",
                f"Sequence {seq} does not follow from the one before it: one of the two was changed or exchanged.",
                seq,
            )
        if entry.computed and entry.computed != entry.hash:
            found("changed", f"Sequence {seq} was changed: its content does not have its hash.", seq)
        chain.events += 1
        chain.dropped += not entry.computed
        expected, last_hash, chain.last = seq + 1, entry.hash, seq
        waits_since = waits_since or entry.recorded_at
        while waiting and waiting[0].seq <= seq:
            head = waiting.popleft()
            if head.seq == seq and head.hash == entry.hash:
                if waits_since and bad is None:
                    chain.longest_exposure_s = max(chain.longest_exposure_s, _seconds(waits_since, head.at))
                chain.signed_until, before, waits_since = seq, head, ""
            elif head.seq == seq:
                bad = bad or (before, head)
    if bad is not None:
        _stretch(chain, *bad, again, found)
    elif waiting and not partial:
        _cut(chain, before, max(waiting, key=lambda head: head.seq), again, found)
    return chain


def _seconds(since: str, until: str) -> float:
    try:
        one, two = (datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z") for text in (since, until))
    except ValueError:
        return 0.0
    return (two - one).total_seconds()


def _cut(chain: Chain, before: Head | None, last: Head, again: Any, found: Any) -> None:
    """The ledger is shorter than what was signed."""
    where = next((event["seq"] for event in again(0) if event.get("event_id") == last.event_id), None)
    if where is not None:
        words = f"{_many(last.seq - where)} removed, and what came after renumbered"
        first = before.seq + 1 if before else 1
        found(
            "deleted",
            f"Between sequence {first} and {last.seq} {words}: checkpoint {last.number} had signed {last.seq}.",
            first,
            last.seq,
            last.number,
        )
        return
    found(
        "truncated",
        f"Sequences {chain.last + 1} to {last.seq} are missing at the end, though checkpoint {last.number} had signed them: the ledger was "
        "cut off, or an older state was put back.",
        chain.last + 1,
        last.seq,
        last.number,
    )


def _many(count: int) -> str:
    return "an event was" if count == 1 else f"{count} events were"


def _stretch(chain: Chain, before: Head | None, head: Head, again: Any, found: Any) -> None:
    """Up to `before` all is as it was signed, at `head` it is not, and the hashes were made anew: what was done?"""
    after = before.seq if before else 0
    ids = content = count = 0
    where = None
    whole = True
    for event in again(after):
        whole = whole and not event.get("dropped")
        if event["seq"] <= head.seq and whole:
            ids, content, count = (
                ids + as_number(event["event_id"].encode()),
                content + content_of(event),
                count + 1,
            )
        if event.get("event_id") == head.event_id:
            where = event["seq"]
    same_ids, same_content = (f"{total % MODULUS:064x}" for total in (ids, content))
    if not whole or head.count == 0:
        code, what = "rewritten", "events were rewritten"
    elif same_content == head.content:
        code, what = "reordered", "events were reordered"
    elif where is not None and where < head.seq:
        code, what = "deleted", f"{_many(head.seq - where)} removed, and what came after renumbered"
    elif where is not None and where > head.seq:
        code, what = "inserted", f"{_many(where - head.seq)} inserted, and what came after renumbered"
    elif same_ids == head.ids:
        code, what = "edited", "an event was edited"
    else:
        code, what = (
            "replaced",
            "other events stand where signed ones stood: exchanged for others, or made up",
        )
        chain.missing_ids = (int(head.ids, 16) - ids) % MODULUS
    words = f"Between sequence {after + 1} and {head.seq} {what}, after checkpoint {head.number} had signed them ({head.at}); hashes were made anew."
    found(code, words, after + 1, head.seq, head.number)


# The command


def entry_of(line: str, event: Event) -> Entry:
    """An event as it is exported, in such a line; one whose content was dropped has only its place."""
    try:
        dropped = bool(event.get("dropped")) and event.keys() <= PLACE
        return Entry(
            int(event["seq"]), event.get("event_id", ""), event["organization_id"], event["prev_hash"], event["hash"],
            "" if dropped else link_of_line(line, event), event.get("recorded_at", ""),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Unreadable("A line of the events is no exported event.") from None


def lines_of(path: Path, after: int = 0) -> Iterator[tuple[str, Event]]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                event = read(line)
                if event["seq"] > after:
                    yield line, event
            except Twice as error:
                raise Unreadable(f"{path}, line {number}: {error}, so it may be read in two ways.") from None
            except (ValueError, KeyError, TypeError):
                raise Unreadable(f"{path}, line {number}: no exported event.") from None


def events_of(path: Path, after: int = 0) -> Iterator[Event]:
    for _, event in lines_of(path, after):
        yield event


def _lines(paths: list[Path]) -> Iterator[bytes]:
    for path in paths:
        with path.open("rb") as file:
            yield from file


def verify(
    events: Path, checkpoints: list[Path], keys: list[str], *, partial: bool = False, seen: str = ""
) -> tuple[Trail, Chain]:
    first = next(events_of(events), None)
    if first is None:
        raise Unreadable(f"{events} holds no event.")
    organization_id = str(first.get("organization_id", ""))
    trail = CheckpointReader(keys, organization_id, seen).read(_lines(checkpoints))
    heads = trail.heads.get(organization_id, [])
    entries = starmap(entry_of, lines_of(events))
    return trail, check_chain(
        organization_id, entries, heads, lambda after: events_of(events, after), partial=partial
    )


def remarks(trail: Trail, chain: Chain) -> Iterator[str]:
    """What is no fault, and has to be known."""
    if chain.dropped:
        yield f"{chain.dropped} events have no content any more: dropped by retention. The chain goes over them."
    if chain.unsigned:
        yield (
            f"{chain.unsigned} events after sequence {chain.signed_until} are chained but not yet signed: until the next checkpoint, "
            "who can write to the database could still rewrite them unseen."
        )
    if chain.longest_exposure_s > INTERVAL_S + 60:
        yield f"At the longest, {chain.longest_exposure_s:.0f} s passed between an event and its checkpoint; {INTERVAL_S} s are meant."
    yield f"The last checkpoint is {trail.number}:{trail.hash}. Keep this: given as --seen, it shows next time that none was taken back."


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Verifies an exported ledger against its signed checkpoints."
    )
    parser.add_argument("--events", type=Path, required=True, help="`manage.py ledger export`, JSON lines")
    parser.add_argument("--checkpoints", type=Path, nargs="+", required=True, help="in their order")
    parser.add_argument(
        "--public-key", action="append", required=True, help="64 hexadecimal digits or a PEM file"
    )
    parser.add_argument(
        "--partial", action="store_true", help="the export begins or ends in the middle, on purpose"
    )
    parser.add_argument(
        "--seen", default="", metavar="NUMBER:HASH", help="the last checkpoint of an earlier time"
    )
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    try:
        keys = [public_key(text) for text in given.public_key]
        trail, chain = verify(given.events, given.checkpoints, keys, partial=given.partial, seen=given.seen)
    except (Unreadable, OSError, UnicodeDecodeError) as error:
        print(error, file=sys.stderr)
        return 2
    findings = [*trail.findings, *chain.findings]
    if not findings and not chain.signed_until:
        findings = [Finding("unproven", "No checkpoint covers any of these events: nothing of it is proven.")]
    notes = list(remarks(trail, chain))
    if given.json:
        told = {
            name: value for name, value in asdict(chain).items() if name not in ("findings", "missing_ids")
        }
        print(json.dumps({"ok": not findings, **told, "unsigned": chain.unsigned, "checkpoints": trail.checkpoints,
                          "last_checkpoint": f"{trail.number}:{trail.hash}", "findings": [asdict(one) for one in findings], "remarks": notes}))  # fmt: skip
        return 1 if findings else 0
    print(
        f"{chain.events} events, sequence {chain.first} to {chain.last}; {trail.checkpoints} checkpoints, signed up to sequence {chain.signed_until}."
    )
    for finding in findings:
        print(f"FAULT  {finding.words}")
    for note in notes:
        print(f"note   {note}")
    print("NOT AS IT WAS SIGNED" if findings else "All that was signed is as it was signed.")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
