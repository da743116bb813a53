"""What is in a text, by the rules of a policy, and by the model where it asks that: looked for once, and remembered for the next turn of a conversation."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import blake2b

from dlp.detectors import builtin
from dlp.detectors.scan import Detector
from dlp.findings import Finding, beyond, resolved
from dlp.policy import Decided, Direction, Inspecting, Own

REMEMBERED = 20_000  # texts
MOST_FINDINGS = 200  # of a text that is remembered
HELD = 100_000  # findings that are remembered, of all texts together: some 25 MB
MOST_IN_ALL = 50_000  # of one text
OWN = 100  # detectors of organizations that are kept


Found = tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Looked:
    """`capped` is true when a part of the text was not looked at. Holds places, never the text."""

    decided: tuple[Decided, ...]
    capped: bool = False


NOTHING = Looked(())


@dataclass
class Findings:
    """One of a worker, used by several threads. Compiling our rules takes some hundred milliseconds, once."""

    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    known: OrderedDict[bytes, Looked] = field(default_factory=OrderedDict, repr=False)
    own: OrderedDict[bytes, Detector] = field(default_factory=OrderedDict, repr=False)
    lock: threading.Lock = field(default_factory=threading.Lock)
    making: threading.Lock = field(default_factory=threading.Lock)
    detector: Detector | None = None
    held: int = 0  # findings of those that are known
    looked_for: int = 0  # texts that were not remembered

    def ready(self, policy: Inspecting) -> bool:
        """Whether nothing has to be compiled first."""
        return self.detector is not None and (policy.own is None or policy.own.digest in self.own)

    def prepare(self, policy: Inspecting) -> None:
        """Compiles what is not ready."""
        self._detectors(policy)

    def of(
        self,
        policy: Inspecting,
        organization_id: str,
        text: str,
        label: str,
        direction: Direction,
        named: Found | None = None,
    ) -> Looked:
        """`named` is what the model found; None where it was not asked, or did not answer."""
        name = self._name(policy, organization_id, text, label, direction, named is not None)
        with self.lock:
            found = self.known.get(name)
            if found is not None:
                self.known.move_to_end(name)
                return found
        found = self._look(policy, text, label, direction, named or ())
        if len(found.decided) <= MOST_FINDINGS:
            with self.lock:
                self._remember(name, found)
        return found

    def _remember(self, name: bytes, found: Looked) -> None:
        before = self.known.pop(name, NOTHING)
        self.known[name] = found
        self.held += len(found.decided) - len(before.decided)
        while len(self.known) > REMEMBERED or self.held > HELD:
            self.held -= len(self.known.popitem(last=False)[1].decided)

    def unremembered(self, policy: Inspecting, text: str, direction: Direction, named: Found = ()) -> Looked:
        """The same of a piece that does not come again."""
        return self._look(policy, text, "", direction, named)

    def _look(self, policy: Inspecting, text: str, label: str, direction: Direction, named: Found) -> Looked:
        self.looked_for += 1
        found: list[Finding] = []
        capped = False
        for detector in self._detectors(policy):
            scan = detector.scan(text, label=label, threshold=policy.threshold, overlaps=True)
            found += scan.findings  # of those that overlap the policy may want either
            capped = capped or scan.capped
        if named:
            found += beyond(resolved(found, text), named, text)
        if not found and not capped:
            return NOTHING
        if len(found) > MOST_IN_ALL:
            found, capped = found[:MOST_IN_ALL], True
        return Looked(policy.decided(found, text, direction), capped)

    def _detectors(self, policy: Inspecting) -> list[Detector]:
        detector = self.detector or self._make_ours()
        return [detector] if policy.own is None else [detector, self._own(policy.own)]

    def _make_ours(self) -> Detector:
        with self.making:
            if self.detector is None:
                self.detector = builtin.detector()
            return self.detector

    def _own(self, own: Own) -> Detector:
        with self.making:
            found = self.own.get(own.digest)
            if found is None:
                found = self.own[own.digest] = Detector(own.rules())
                if len(self.own) > OWN:
                    self.own.popitem(last=False)
            else:
                self.own.move_to_end(own.digest)
            return found

    def _name(
        self,
        policy: Inspecting,
        organization_id: str,
        text: str,
        label: str,
        direction: Direction,
        named: bool,
    ) -> bytes:
        digest = blake2b(key=self.key, digest_size=20)
        for part in (
            policy.digest,
            organization_id.encode(),
            direction.encode(),
            b"named" if named else b"",
            label.encode("utf-8", "replace"),
        ):
            digest.update(len(part).to_bytes(4, "big") + part)
        digest.update(text.encode("utf-8", "surrogatepass"))
        return digest.digest()
