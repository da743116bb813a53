"""The management API's paths of this app, below /api/v1/."""

from django.urls import path

from quotas.api import findings, limits, prices, usage

ORGANIZATION = "organizations/<slug:organization>"

urlpatterns = [
    path("prices", prices.Prices.as_view()),
    path(f"{ORGANIZATION}/usage", usage.Usage.as_view()),
    path(f"{ORGANIZATION}/findings", findings.Findings.as_view()),
    path(f"{ORGANIZATION}/limits", limits.Limits.as_view()),
    path(f"{ORGANIZATION}/contract-prices", prices.ContractPrices.as_view()),
    path(f"{ORGANIZATION}/contract-prices/<int:price>", prices.ContractPriceItem.as_view()),
]
