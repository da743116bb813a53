"""Sinks that are added, changed, renamed and removed: their places, and the trail of it."""

from __future__ import annotations

from typing import Any

import pytest

from audit.sinks import book
from audit.sinks.models import Sink, SinkChange, SinkCursor
from orbit.lib import access
from orbit.lib.errors import InputError
from tests.audit.sinks.conftest import Feeds
from tests.audit.sinks.harness import configs_of


def entry(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "kind": "lines", "path": f"/nowhere/{name}", **more}


def keep(*entries: dict[str, Any]) -> dict[str, int]:
    return book.keep(configs_of(*entries), actor="ada")


def changes(name: str) -> list[tuple[str, str, Any, Any]]:
    with access.operator():
        return list(
            SinkChange.objects.filter(sink=name)
            .order_by("pk")
            .values_list("actor", "action", "before", "after")
        )


def places(sink_id: int) -> dict[int, int]:
    with access.operator():
        return dict(SinkCursor.objects.filter(sink_id=sink_id).values_list("shard", "shard_seq"))


def test_every_change_is_kept_with_before_and_after(feeds: Feeds) -> None:
    name = feeds.slugs[0]
    keep(entry(name))
    keep(entry(name))
    keep(entry(name, kinds=["act"]))
    keep()
    keep(entry(name))
    found = changes(name)
    assert [(actor, action) for actor, action, _, _ in found] == [
        ("ada", "add"), ("ada", "change"), ("ada", "remove"), ("ada", "restore")
    ]  # fmt: skip
    assert "kinds" not in found[1][2]
    assert found[1][3]["kinds"] == ["act"]


def test_a_sink_that_comes_back_goes_on_where_it_was(feeds: Feeds) -> None:
    name = feeds.slugs[0]
    before = places(keep(entry(name))[name])
    keep()
    feeds.send(9)
    assert places(keep(entry(name))[name]) == before


def test_a_renamed_sink_keeps_its_place(feeds: Feeds) -> None:
    old, new, _ = feeds.slugs
    ids = keep(entry(old))
    before = places(ids[old])
    feeds.send(9)
    renamed = keep(entry(new, renamed_from=old))
    assert renamed[new] == ids[old]
    assert places(renamed[new]) == before
    assert keep(entry(new, renamed_from=old)) == renamed  # the file may say so for ever
    assert [action for _, action, _, _ in changes(new)] == ["change"]


def test_only_a_sink_that_is_not_in_use_can_be_forgotten(feeds: Feeds) -> None:
    name = feeds.slugs[0]
    first = keep(entry(name))[name]
    with access.operator():
        Sink.objects.filter(pk=first).update(seen_at=Sink.objects.get(pk=first).created_at)
    with pytest.raises(InputError, match="in use"):
        book.forget(name=name, actor="ada")
    keep()
    book.forget(name=name, actor="ada")
    assert places(first) == {}
    assert changes(name)[-1][:2] == ("ada", "forget")
    with pytest.raises(InputError, match="there is no sink"):
        book.forget(name=name, actor="ada")
