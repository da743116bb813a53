"""The management API's paths of this app, below /api/v1/."""

from django.urls import path

from billing.api import exceptions, runs, sources

PLACE = "organizations/<slug:organization>/reconciliation"

urlpatterns = [
    path(f"{PLACE}/coverage", runs.CoverageOf.as_view()),
    path(f"{PLACE}/comparisons", runs.Comparisons.as_view()),
    path(f"{PLACE}/runs", runs.Runs.as_view()),
    path(f"{PLACE}/runs/<uuid:run>", runs.RunItem.as_view()),
    path(f"{PLACE}/imports", runs.Imports.as_view()),
    path(f"{PLACE}/accounts/<slug:account>", sources.SourceItem.as_view()),
    path(f"{PLACE}/exceptions", exceptions.Exceptions.as_view()),
    path(f"{PLACE}/exceptions/<uuid:exception>", exceptions.ExceptionItem.as_view()),
    path(f"{PLACE}/exceptions/<uuid:exception>/approve", exceptions.Approve.as_view()),
    path(f"{PLACE}/exceptions/<uuid:exception>/reject", exceptions.Reject.as_view()),
    path(f"{PLACE}/exceptions/<uuid:exception>/close", exceptions.Close.as_view()),
]
