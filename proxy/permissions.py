"""DRF's permission with the key's policy."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from proxy.checks import check_policy


class PolicyPermission(BasePermission):
    """Whether the policy allows this endpoint from this address; it raises what is wrong."""

    def has_permission(self, request: Request, view: Any) -> bool:
        check_policy(request.user, view.endpoint, request._request.client_ip)  # type: ignore[arg-type, attr-defined]
        return True
