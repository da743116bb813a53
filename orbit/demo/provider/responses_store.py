"""Responses kept for later calls: an account sees its own, and no other's."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from .refusals import Refusal, bad_request
from .responses_draft import Draft
from .responses_items import Item

_MOST_KEPT = 20_000


@dataclass(slots=True)
class Stored:
    owner: str
    draft: Draft
    context: list[Item]
    """All that the model was shown, earlier responses included."""
    work: "asyncio.Task[None] | None" = None
    events: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Of a background response: what its stream has carried so far."""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def add_events(self, events: list[tuple[bytes, bytes]]) -> None:
        self.events += events
        self.tell()

    def tell(self) -> None:
        """Wake all who follow this response; who comes later waits for the next news."""
        self.news.set()
        self.news = asyncio.Event()


class Store:
    def __init__(self) -> None:
        self._kept: OrderedDict[str, Stored] = OrderedDict()

    def keep(self, stored: Stored) -> None:
        self._kept[stored.draft.id] = stored
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)

    def delete(self, owner: str, response_id: str) -> None:
        self.get(owner, response_id)
        del self._kept[response_id]

    def get(self, owner: str, response_id: str) -> Stored:
        found = self._kept.get(response_id)
        if found is None or found.owner != owner:
            raise Refusal(404, f"Response with id '{response_id}' not found.")
        return found

    def previous(self, owner: str, response_id: str) -> Stored:
        found = self._kept.get(response_id)
        if found is None or found.owner != owner:
            message = f"Previous response with id '{response_id}' not found."
            raise bad_request(message, param="previous_response_id", code="previous_response_not_found")
        return found

    def item(self, owner: str, item_id: str) -> dict[str, Any]:
        for stored in reversed(self._kept.values()):
            if stored.owner == owner:
                for item in (*stored.draft.output, *stored.context):
                    if item.get("id") == item_id:
                        return item
        raise Refusal(404, f"Item with id '{item_id}' not found.", param="input")
