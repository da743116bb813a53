"""The management API's paths of this app, below /api/v1/."""

from django.urls import path

from billing.api import alerts, exceptions, proposals, reports, repricing, runs, sources

ORGANIZATION = "organizations/<slug:organization>"
RECONCILIATION = f"{ORGANIZATION}/reconciliation"

urlpatterns = [
    path(f"{ORGANIZATION}/contract-prices/preview", repricing.PreviewPrice.as_view()),
    path(f"{ORGANIZATION}/repricing/preview", repricing.PreviewRepricing.as_view()),
    path(f"{ORGANIZATION}/repricing", repricing.PostRepricing.as_view()),
    path(f"{ORGANIZATION}/price-proposals", proposals.PriceProposals.as_view()),
    path(f"{ORGANIZATION}/price-proposals/<uuid:proposal>", proposals.PriceProposalItem.as_view()),
    path(f"{ORGANIZATION}/price-proposals/<uuid:proposal>/approve", proposals.ApprovePriceProposal.as_view()),
    path(f"{ORGANIZATION}/price-proposals/<uuid:proposal>/refuse", proposals.RefusePriceProposal.as_view()),
    path(f"{ORGANIZATION}/budgets", alerts.Budgets.as_view()),
    path(f"{ORGANIZATION}/alerts", alerts.Alerts.as_view()),
    path(f"{ORGANIZATION}/alerts/<uuid:alert>", alerts.AlertItem.as_view()),
    path(f"{ORGANIZATION}/notices", alerts.Notices.as_view()),
    path(f"{ORGANIZATION}/report", reports.MakeReport.as_view()),
    path(f"{ORGANIZATION}/report/file", reports.MakeFile.as_view()),
    path(f"{ORGANIZATION}/report/forecast", reports.Forecast.as_view()),
    path(f"{ORGANIZATION}/report/anomalies", reports.Anomalies.as_view()),
    path(f"{ORGANIZATION}/report-views", reports.Views.as_view()),
    path(f"{ORGANIZATION}/report-views/<uuid:view>", reports.ViewItem.as_view()),
    path(f"{RECONCILIATION}/coverage", runs.CoverageOf.as_view()),
    path(f"{RECONCILIATION}/comparisons", runs.Comparisons.as_view()),
    path(f"{RECONCILIATION}/runs", runs.Runs.as_view()),
    path(f"{RECONCILIATION}/runs/<uuid:run>", runs.RunItem.as_view()),
    path(f"{RECONCILIATION}/imports", runs.Imports.as_view()),
    path(f"{RECONCILIATION}/accounts/<slug:account>", sources.SourceItem.as_view()),
    path(f"{RECONCILIATION}/exceptions", exceptions.Exceptions.as_view()),
    path(f"{RECONCILIATION}/exceptions/<uuid:exception>", exceptions.ExceptionItem.as_view()),
    path(f"{RECONCILIATION}/exceptions/<uuid:exception>/approve", exceptions.Approve.as_view()),
    path(f"{RECONCILIATION}/exceptions/<uuid:exception>/reject", exceptions.Reject.as_view()),
    path(f"{RECONCILIATION}/exceptions/<uuid:exception>/close", exceptions.Close.as_view()),
]
