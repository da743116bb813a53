"""DRF's throttle with the limits. The decision needs the estimate and the network, so the view awaits it."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from proxy.admission import Admission
from proxy.call import Call
from proxy.request import raw_of
from proxy.routing import Plan


class LimitThrottle(BaseThrottle):
    def allow_request(self, request: Request, view: Any) -> bool:
        """Nothing is refused yet: what the call needs is not known before its body is read."""
        return True

    async def reserve(self, request: Request, call: Call, plan: Plan = ()) -> Admission:
        """Takes the call's needs from every limit, or raises the refusal."""
        raw = raw_of(request)
        admission: Admission = await raw.runtime.admissions.admit(call, plan)
        return admission
