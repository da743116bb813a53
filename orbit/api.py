"""The management API: every app's endpoints, their description and the page to try them on."""

from django.urls import include, path

from tenants.api.description import docs, schema

urlpatterns = [
    path("", include("tenants.api.urls")),
    path("schema", schema, name="api_schema"),
    path("docs", docs, name="api_docs"),
]
