from __future__ import annotations

import re

from dlp.findings import Finding
from dlp.placeholders import Placeholders

KEY, OTHER = b"k" * 32, b"o" * 32


def test_same_value_has_the_same_one_in_every_turn_whatever_came_before() -> None:
    first, later = Placeholders(KEY), Placeholders(KEY)
    later.standing_for("PERSON", "Max")
    made = first.standing_for("PERSON", "Anna")
    assert made == first.standing_for("PERSON", "Anna") == later.standing_for("PERSON", "Anna")
    assert re.fullmatch(r"\[PERSON_[A-Z0-9]{6}\]", made)


def test_other_conversation_other_kind_and_other_value_have_others() -> None:
    made = {
        Placeholders(KEY).standing_for("PERSON", "Anna"),
        Placeholders(OTHER).standing_for("PERSON", "Anna"),
        Placeholders(KEY).standing_for("CITY", "Anna"),
        Placeholders(KEY).standing_for("PERSON", "anna"),
    }
    assert len(made) == 4


def test_ten_thousand_values_have_ten_thousand() -> None:
    made = Placeholders(KEY)
    assert len({made.standing_for("E", str(number)) for number in range(10_000)}) == len(made) == 10_000


def test_one_that_stands_in_the_text_already_is_not_taken() -> None:
    taken = Placeholders(KEY).standing_for("PERSON", "Anna")
    made = Placeholders(KEY)
    text = f"Anna wrote {taken.lower()}"
    changed = made.replaced(text, [Finding(0, 4, "PERSON", 0.9, "r")])
    assert changed.endswith(taken.lower())
    assert not changed.startswith(taken)


def test_a_text_is_read_once_however_many_values_it_has() -> None:
    class Counted(str):
        __slots__ = ()

        def upper(self) -> str:
            read.append(1)
            return super().upper()

    read: list[int] = []
    text = Counted("".join(f"{number:06d}" for number in range(500)))
    found = [Finding(place, place + 6, "N", 0.9, "r") for place in range(0, len(text), 6)]
    changed = Placeholders(KEY).replaced(text, found)
    assert (changed.count("[N_"), len(read)) == (500, 1)


def test_odd_name_of_a_kind_becomes_letters() -> None:
    assert Placeholders(KEY).standing_for("mitarbeiter-nr!", "7").startswith("[MITARBEITER_NR_")


def test_repr_tells_no_value() -> None:
    made = Placeholders(KEY)
    made.standing_for("PERSON", "Anna")
    assert "Anna" not in repr(made)
