"""The management API's paths of this app, below /api/v1/."""

from django.urls import path

from billing.api import alerts, proposals, reports, repricing

ORGANIZATION = "organizations/<slug:organization>"

urlpatterns = [
    path(f"{ORGANIZATION}/contract-prices/preview", repricing.PreviewPrice.as_view()),
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
]
