"""DRF's permission with the key's policy."""

from __future__ import annotations

from typing import Any, cast

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from proxy.checks import check_policy
from proxy.context import Principal
from proxy.request import raw_of


class PolicyPermission(BasePermission):
    """Whether the policy allows this endpoint from this address; it raises what is wrong."""

    def has_permission(self, request: Request, view: Any) -> bool:
        check_policy(cast("Principal", request.user), view.endpoint, raw_of(request).client_ip)
        return True
