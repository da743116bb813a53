"""Calls that the provider works on after their client has its answer: followed to their end, and settled by it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from orbit.lib import numbers
from orbit.lib.egress import Egress, read_all
from orbit.lib.errors import Code, OrbitError
from orbit.lib.exchange import EgressError
from proxy.admission import Admission
from proxy.endings import Endings
from proxy.formats.base import parsed_object
from proxy.formats.responses import is_working
from proxy.kept import ask
from proxy.personal import answers
from proxy.providers import PROVIDERS

logger = logging.getLogger(__name__)

SOONEST_S, LATEST_S, GROWTH = 0.5, 5.0, 1.5  # between two looks


class Gone(Exception):
    """The provider has no such response any more."""


@dataclass
class Background:
    egress: Egress
    endings: Endings
    most_bytes: int

    def follow(self, admission: Admission, response_id: str, *, cancel: bool = False) -> None:
        """Sees to it that the call is settled when it is over. `cancel` has the provider stop at once, and so has a
        withdrawal when it comes."""
        spawn = self.endings.settler.supervisor.spawn
        spawn(self._followed(admission, response_id, cancel=cancel), "background")

        def stop(_: OrbitError) -> None:
            spawn(self._stop(admission, response_id), "background-stop")

        admission.on_withdrawal(stop)

    async def _followed(self, admission: Admission, response_id: str, *, cancel: bool) -> None:
        try:
            async with asyncio.timeout(settings.ORBIT_BACKGROUND_S):
                answer = await self._over(admission, response_id, cancel=cancel)
            call = admission.call
            if call.request.inspection is not None:
                answer = await answers.masked_later(call.request.inspection, answer, call.spoken)
            if admission.copy is not None:
                admission.copy.followed(numbers.write(answer))
            spoken = PROVIDERS[call.target.account.kind].formats[call.spoken]
            await self.endings.followed(admission, spoken, answer)
        except TimeoutError:
            self.endings.cut(admission, Code.UPSTREAM_TIMEOUT)
        except Gone:
            self.endings.cut(admission, Code.UPSTREAM_ERROR)
        except asyncio.CancelledError:
            self.endings.cut(admission, Code.SHUTTING_DOWN)
            raise
        except Exception:
            self.endings.cut(admission, Code.INTERNAL_ERROR)
            raise

    async def _over(self, admission: Admission, response_id: str, *, cancel: bool) -> Mapping[str, Any]:
        """The response as it is when the provider has ended."""
        wait_s, began = SOONEST_S, time.monotonic()
        if cancel:
            await self._stop(admission, response_id)
        while True:
            await asyncio.sleep(wait_s)
            answer = await self._seen(admission, "GET", f"/{response_id}")
            if answer is not None and not is_working(answer):
                logger.info("%s ended after %.1f s", response_id, time.monotonic() - began)
                return answer
            wait_s = min(wait_s * GROWTH, LATEST_S)

    async def _stop(self, admission: Admission, response_id: str) -> None:
        await self._seen(admission, "POST", f"/{response_id}/cancel")

    async def _seen(self, admission: Admission, method: str, path: str) -> Mapping[str, Any] | None:
        """None when the provider does not say: the next look may tell."""
        try:
            async with ask(self.egress, admission.call.target.account, method, path) as answer:
                content = await read_all(answer, self.most_bytes)
                status = answer.status
        except EgressError as error:
            logger.info("%s %s: %s", method, path, type(error).__name__)
            return None
        if status == 404 and method == "GET":
            raise Gone
        return parsed_object(content) if status == 200 else None
