"""A field is left out only where every policy over the key lets it go."""

from __future__ import annotations

from typing import Any

import pytest

from tenants.schema import policy_document
from tenants.untranslatable import Dropping, dropping

REFUSE: dict[str, Any] = {}
DROP = {"untranslatable": "drop"}
SOME = {"untranslatable": {"drop": ["seed", "messages.content.cache_control", "tools"]}}
INNER = {"untranslatable": {"drop": ["tools.strict"]}}


@pytest.mark.parametrize(
    ("chain", "path", "allowed"),
    [
        ([], "seed", False),
        ([REFUSE], "seed", False),
        ([DROP], "seed", True),
        ([DROP, REFUSE], "seed", False),
        ([REFUSE, DROP], "seed", False),
        ([DROP, SOME], "seed", True),
        ([SOME], "seeds", False),
        ([SOME], "logit_bias", False),
        ([SOME], "messages[0].content[12].cache_control", True),
        ([SOME], "messages.0.content.12.cache_control.ttl", True),
        ([SOME], "messages[0].content", False),
        ([SOME, INNER], "tools[3].strict", True),
        ([SOME, INNER], "tools[3].description", False),
        ([SOME], "", False),
    ],
)
def test_every_policy_must_let_it_go(chain: list[dict[str, Any]], path: str, allowed: bool) -> None:
    assert dropping([policy_document(one) for one in chain]).allows(path) is allowed


def test_a_policy_stored_before_there_was_translation_refuses() -> None:
    document = policy_document({})
    del document["untranslatable"]
    assert not dropping([document]).allows("seed")
    assert not Dropping().allows("seed")
