"""The authorization server's paths."""

from django.urls import path

from tenants.oauth import views

urlpatterns = [
    path("identity/o/api/token", views.token, name="oauth_token"),
    path("identity/o/api/revoke", views.revoke, name="oauth_revoke"),
    path(".well-known/oauth-authorization-server", views.metadata, name="oauth_metadata"),
]
