"""The management API's paths of this app, below /api/v1/."""

from django.urls import path

from console import api

ORGANIZATION = "organizations/<slug:organization>"

urlpatterns = [
    path(f"{ORGANIZATION}/calls", api.Calls.as_view()),
    path(f"{ORGANIZATION}/calls/<uuid:call>", api.CallItem.as_view()),
    path(f"{ORGANIZATION}/events", api.Events.as_view()),
]
