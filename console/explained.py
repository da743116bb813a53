"""Why a call is refused, with the way to ask for what is missing."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from uuid import UUID

from django.utils.http import urlencode
from redis.exceptions import RedisError

from orbit.lib.errors import Code, InputError, OrbitError
from proxy.explanation import Question, explain, principal_named

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Explained:
    """`ask` is the query of the page of requests that asks for what is missing; empty where asking helps nothing."""

    key: str
    model: str
    refused: bool
    message: str
    ask: str = ""


def explained(organization_id: UUID, key: str, model: str) -> Explained:
    """What a call of the key would meet now. In the organization's scope."""
    try:
        found = explain(principal_named(organization_id, key), Question(model))
    except InputError as error:
        return Explained(key, model, True, f"{error.path.capitalize()}: {error.message}.")
    except OrbitError as error:
        return Explained(key, model, True, error.message)
    except (RedisError, OSError) as error:
        logger.warning("an explanation could not be read: %s", type(error).__name__)
        return Explained(key, model, True, "The counting store does not answer, so nobody can say just now.")
    ask = asking(found.refused_by, model if found.code == Code.MODEL_NOT_FOUND.value else None)
    return Explained(key, model, found.code is not None, found.message, ask)


def asking(limit: str | None, model: str | None) -> str:
    """The query with which the page of requests asks for more of a limit, or for a model."""
    if limit:
        return urlencode({"limit": limit})
    return urlencode({"model": model}) if model else ""
