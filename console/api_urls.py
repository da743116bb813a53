"""The management API's paths of this app, below /api/v1/."""

from django.urls import path

from console import api
from tenants.api.urls import ORGANIZATION

urlpatterns = [
    path(f"{ORGANIZATION}/invitations", api.Invitations.as_view()),
    path(f"{ORGANIZATION}/invitations/<uuid:invitation>/revoke", api.RevokeInvitation.as_view()),
]
