"""A bar is not met by nothing having been measured, nor an attack made by calls that were refused."""

from __future__ import annotations

from faults import absent, attack, streams
from faults.absent import Probe
from faults.listeners import Heard
from faults.siege import Phase
from faults.volley import Saw


def test_streams_whose_chunks_nobody_timed_are_wrong() -> None:
    assert len(list(streams._wrongs(Heard({"whole": 2}, open_most=2), 2))) == 1
    assert len(list(streams._wrongs(Heard({"whole": 2}, chunks=9, asked=10, open_most=2), 2))) == 1
    assert list(streams._wrongs(Heard({"whole": 2}, chunks=11, asked=10, open_most=2), 2)) == []


def test_attack_that_was_refused_is_none() -> None:
    phase = Phase("all", 1.0, Saw(), [Saw({"429 x": 9000, "200": 1}), Saw({"200": 400, "429 x": 500})], 0.0)
    [wrong] = attack._missed(phase, ["rejected", "accepted"])
    assert wrong == "all: 500 calls of 'accepted' ended as 429"


def test_call_that_hung_across_the_return_counts_for_the_recovery() -> None:
    seen = [Probe("money", 9.0, 17.0, "503 unavailable"), Probe("money", 18.0, 18.1, "200")]
    assert absent._recovery_s(seen, back=10.0) == 7.0
    assert absent._recovery_s(seen[1:], back=10.0) == 0.0
