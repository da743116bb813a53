"""OpenAI's endpoints beside chat, embeddings and responses, as its own servers and those like them speak them."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.formats.base import Format
from proxy.formats.completions import Completions
from proxy.formats.images import Images
from proxy.formats.moderations import Moderations
from proxy.formats.speech import Speech
from proxy.formats.transcriptions import Transcriptions

OTHERS: Mapping[str, Format] = {
    "completions": Completions(),
    "moderations": Moderations(),
    **dict.fromkeys(("images/generations", "images/edits", "images/variations"), Images()),
    "audio/speech": Speech(),
    **dict.fromkeys(("audio/transcriptions", "audio/translations"), Transcriptions()),
}
