"""The management API's paths of this app, below /api/v1/."""

from django.urls import path

from proxy import api
from proxy.why.api import Why

ORGANIZATION = "organizations/<slug:organization>"

urlpatterns = [
    path(f"{ORGANIZATION}/limits/explain", api.ExplainLimits.as_view()),
    path(f"{ORGANIZATION}/why", Why.as_view()),
    path(f"{ORGANIZATION}/policies/<slug:policy>/simulate", api.SimulatePolicy.as_view()),
]
