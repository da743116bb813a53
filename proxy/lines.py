"""A line in the log for each call, where ORBIT_LOG_CALLS wants one. The ledger has more of each."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from orbit.lib.errors import OrbitError
from proxy.call import Call
from proxy.measures import CODES
from proxy.request import GatewayRequest

if TYPE_CHECKING:
    from proxy.settlement import Outcome

logger = logging.getLogger("orbit.calls")


def ended(call: Call, outcome: Outcome, cost_nano: int | None, seconds: float) -> None:
    usage, code = outcome.usage, outcome.code
    _say(
        "call ended",
        endpoint=call.endpoint,
        model=call.model,
        account=call.target.account.name,
        status=outcome.status,
        code=code if code is None or code in CODES else "provider",
        duration_ms=round(seconds * 1000),
        first_token_ms=outcome.first_token_ms,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost_nano=cost_nano,
    )


def turned_away(raw: GatewayRequest, endpoint: str, error: OrbitError) -> None:
    _say("request turned away", endpoint=endpoint, code=error.code.value, limit=error.data.get("limit"))


def _say(message: str, **fields: Any) -> None:
    told = {name: value for name, value in fields.items() if value is not None}
    logger.info(message, extra={"fields": told})
