"""The kinds of inspector that there are. A further one is a module and a line here."""

from __future__ import annotations

from dlp.external.base import Kind
from dlp.external.google import Google
from dlp.external.moderation import Moderation
from dlp.external.presidio import Presidio
from dlp.external.webhook import Webhook

KINDS: dict[str, Kind] = {one.name: one for one in (Moderation(), Presidio(), Google(), Webhook())}


def choices() -> list[tuple[str, str]]:
    """For Django; as a function, so that a further kind needs no migration."""
    return [(one.name, one.label) for one in KINDS.values()]
