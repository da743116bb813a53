"""The wire formats in which clients are answered, and which of them a request speaks."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.surfaces.anthropic import AnthropicSurface
from proxy.surfaces.base import Surface
from proxy.surfaces.openai import OpenAISurface

OPENAI, ANTHROPIC = OpenAISurface(), AnthropicSurface()
SURFACES: Mapping[str, Surface] = {one.name: one for one in (OPENAI, ANTHROPIC)}


def spoken(path: str, headers: Mapping[bytes, bytes]) -> Surface:
    """By the path; of paths that both have, such as the list of models, by the header that Anthropic demands."""
    if path.startswith("/v1/messages"):
        return ANTHROPIC
    return ANTHROPIC if path.startswith("/v1/models") and b"anthropic-version" in headers else OPENAI
