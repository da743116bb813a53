"""When answers while a store is absent are wrong, and when all is well again."""

from __future__ import annotations

import time

from faults import absent
from faults.absent import API, KEPT, MONEY, PAGE, SMOOTH, Probe, Probes


def probes(started: float, **how: str) -> list[Probe]:
    return [Probe(kind, started, started + 0.1, said) for kind, said in how.items()]


DOCUMENTED = {
    MONEY: "503 limiter_unavailable", SMOOTH: "200", KEPT: "200", PAGE: "503", API: "200",
}  # fmt: skip


def wrongs(seen: list[Probe]) -> list[str]:
    return list(absent._answers("valkey", seen, up=5.0, back=20.0))


def test_documented_answers_are_right() -> None:
    assert wrongs(probes(12.0, **DOCUMENTED)) == []


def test_other_answers_are_wrong_while_the_store_is_absent_alone() -> None:
    served = {**DOCUMENTED, MONEY: "200"}
    (wrong,) = wrongs(probes(12.0, **served))
    assert wrong.startswith("money was answered 200 (1 times)")
    assert wrongs([*probes(12.0, **DOCUMENTED), *probes(21.0, **served)]) == []


def test_unknown_key_is_wrong_at_any_time() -> None:
    seen = [*probes(12.0, **DOCUMENTED), Probe(KEPT, 30.0, 30.1, "401 invalid_api_key")]
    assert wrongs(seen) == ["a valid key was answered 401 (kept)"]


def test_kind_that_nobody_answered_is_told() -> None:
    assert wrongs([one for one in probes(12.0, **DOCUMENTED) if one.kind != API]) == [
        "api was never answered"
    ]


def test_well_is_when_all_kinds_were_served_and_nothing_failed_for_a_while() -> None:
    watching = Probes(0, {})
    watching.kinds = dict.fromkeys(DOCUMENTED, lambda: ("", "", "", ""))
    back = time.monotonic() - 60
    served = dict.fromkeys(DOCUMENTED, "200")
    watching.seen = probes(back + 1, **DOCUMENTED)
    assert not absent._recovered(watching, back)
    watching.seen += probes(back + 2, **served)
    assert absent._recovered(watching, back)
    watching.seen += [Probe(PAGE, time.monotonic(), time.monotonic(), "503")]
    assert not absent._recovered(watching, back)
