"""An organization's own metrics, as Prometheus reads them."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from console import own_metrics
from orbit.lib.metrics import CONTENT_TYPE
from tenants.api.endpoint import OrganizationEndpoint
from tenants.rights import Right


class OwnMetrics(OrganizationEndpoint):
    """The organization's own metrics in Prometheus' text format: what this host's workers counted of it, how its limits stand, its month.

    The month is the ledger's and the same on every host.
    """

    scopes = {"GET": Right.USAGE_READ}
    files = ("text/plain",)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """There is one format, whatever is accepted."""
        return super().perform_content_negotiation(request, force=True)

    def handled(self, request: Request) -> Response:
        """Without an ETag: it differs each time."""
        return self.get()

    def get(self) -> Response:
        self.asked()
        content = own_metrics.exposition(self.organization)
        return HttpResponse(content, content_type=CONTENT_TYPE)  # type: ignore[return-value]  # DRF takes any
