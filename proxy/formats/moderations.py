"""OpenAI's moderations (https://platform.openai.com/docs/api-reference/moderations): verdicts, free of charge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.context import Usage
from proxy.formats.media import Media


class Moderations(Media):
    def usage(self, answer: Mapping[str, Any]) -> Usage | None:
        """Whatever a server says: nobody charges for it."""
        return Usage(0, 0)
