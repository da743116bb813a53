"""The proxy's endpoints: path, surface, the name that policies know them by, and who answers.

A test walks this table: what is not in it is not served, and each row has a price class.
"""

from __future__ import annotations

from dataclasses import dataclass

from proxy import views
from proxy.surfaces import ANTHROPIC, OPENAI
from proxy.surfaces.base import Surface
from proxy.views import ProxyView


@dataclass(frozen=True, slots=True)
class Route:
    """`path` may end in `{name}`. `surface` None: the client's headers tell."""

    method: str
    path: str
    endpoint: str
    surface: Surface | None
    view: type[ProxyView]


TABLE = (
    Route("POST", "/v1/chat/completions", "chat/completions", OPENAI, views.CallView),
    Route("POST", "/v1/completions", "completions", OPENAI, views.CallView),
    Route("POST", "/v1/moderations", "moderations", OPENAI, views.CallView),
    Route("POST", "/v1/images/generations", "images/generations", OPENAI, views.CallView),
    Route("POST", "/v1/images/edits", "images/edits", OPENAI, views.CallView),
    Route("POST", "/v1/images/variations", "images/variations", OPENAI, views.CallView),
    Route("POST", "/v1/audio/speech", "audio/speech", OPENAI, views.CallView),
    Route("POST", "/v1/audio/transcriptions", "audio/transcriptions", OPENAI, views.CallView),
    Route("POST", "/v1/audio/translations", "audio/translations", OPENAI, views.CallView),
    Route("POST", "/v1/embeddings", "embeddings", OPENAI, views.CallView),
    Route("POST", "/v1/messages", "messages", ANTHROPIC, views.CallView),
    Route("POST", "/v1/messages/count_tokens", "messages/count_tokens", ANTHROPIC, views.CountTokens),
    Route("GET", "/v1/models", "models", None, views.Models),
    Route("GET", "/v1/models/{name}", "models", None, views.Model),
    Route("GET", "/v1/orbit/limits", "orbit/limits", OPENAI, views.OwnLimits),
    Route("GET", "/v1/orbit/requests/{name}", "orbit/requests", OPENAI, views.OwnRequest),
)
