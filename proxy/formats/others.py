"""OpenAI's endpoints beside chat, embeddings and responses, as its own servers and those like them speak them."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.formats.base import Format
from proxy.formats.completions import Completions
from proxy.formats.moderations import Moderations

OTHERS: Mapping[str, Format] = {"completions": Completions(), "moderations": Moderations()}
