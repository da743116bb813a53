"""The models that a provider account offers, asked of the provider itself: whether its credential works, and for what.

For pages and the management API, not for calls. No model works for it, so nothing is charged or recorded.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any
from uuid import uuid4

import orjson
from django.conf import settings

from orbit.lib.egress import CLIENTS, Egress, read_all
from orbit.lib.errors import InputError
from orbit.lib.exchange import EgressError, NotAllowed, NotConnected, Timeouts, TooLarge
from proxy.context import Account
from proxy.providers import PROVIDERS
from tenants import kinds
from tenants.secrets import Fixed, Secret

TIMEOUTS = Timeouts(connect_s=5, first_byte_s=10, idle_s=5, total_s=15)
MOST_BYTES = 4_000_000
MOST_MODELS = 2_000
_NAME = re.compile(r"[!-~]{1,200}")


def offered(*, kind: str, base_url: str, secret: str) -> tuple[str, ...]:
    """Names of models, sorted. InputError says in words why there are none: of `credential` or of `base_url`.

    Call it from a thread without an event loop, with an address that was checked as it is when it is saved.
    """
    credential = Fixed(Secret(secret) if secret else None)
    account = Account(str(uuid4()), "trial", kind, base_url, credential)
    return asyncio.run(_asked(account))


async def _asked(account: Account) -> tuple[str, ...]:
    prepared = PROVIDERS[account.kind].listing(account)
    egress = Egress(
        frozenset(settings.ORBIT_PRIVATE_TARGETS), TIMEOUTS, CLIENTS[settings.ORBIT_UPSTREAM_CLIENT]
    )
    try:
        exchange = egress.open(account.id, "GET", prepared.url, prepared.headers, prepared.body, TIMEOUTS)
        async with exchange as answer:
            _check_status(account, answer.status)
            return _names(account, await read_all(answer, MOST_BYTES))
    except EgressError as error:
        raise _unreachable(account, error) from None
    finally:
        await egress.close()


def _check_status(account: Account, status: int) -> None:
    label = kinds.BY_NAME[account.kind].label
    if status in (401, 403):
        raise InputError("credential", f"{label} refuses it (HTTP {status})", "copy the key once more, whole")
    if status == 404:
        raise InputError(
            "base_url", "answers, but lists no models there (HTTP 404)", "does it end in /v1, or the like?"
        )
    if status != 200:
        raise InputError("base_url", f"answers with HTTP {status}", "try again in a moment")


def _unreachable(account: Account, error: EgressError) -> InputError:
    match error:
        case NotAllowed():
            return InputError("base_url", error.message, error.remedy)
        case NotConnected():
            return InputError("base_url", "could not be reached", "is the address right?")
        case TooLarge():
            return InputError("base_url", "answers with more than a list of models")
    return InputError("base_url", "did not answer in time", "try again in a moment")


def _names(account: Account, content: bytes) -> tuple[str, ...]:
    try:
        said: Any = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise InputError("base_url", "answers with something that is no list of models") from None
    rows = said if isinstance(said, list) else said.get("data") if isinstance(said, dict) else None
    if not isinstance(rows, list):
        raise InputError("base_url", "answers with something that is no list of models")
    names = (row.get("id") for row in rows if isinstance(row, dict))
    return tuple(sorted({one for one in names if isinstance(one, str) and _NAME.fullmatch(one)}))[
        :MOST_MODELS
    ]
