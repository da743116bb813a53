"""The management API: every app's endpoints, their description and the page to try them on."""

from django.urls import include, path, re_path

from tenants.api.description import docs, schema
from tenants.api.missing import missing

urlpatterns = [
    path("", include("tenants.api.urls")),
    path("", include("quotas.api.urls")),
    path("", include("proxy.api_urls")),
    path("", include("billing.api.urls")),
    path("", include("console.api.urls")),
    path("schema", schema, name="api_schema"),
    path("docs", docs, name="api_docs"),
    re_path("", missing),  # last: not a page in HTML, nor a redirect to one with a slash
]
