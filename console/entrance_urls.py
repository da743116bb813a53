"""Addresses before there is a member, so their organization is not called `slug`: `console.urls` has those of members."""

from django.urls import path

from console import entrance

urlpatterns = [
    path("", entrance.by_address, name="sso"),
    path("<slug:organization>/", entrance.start, name="sso_start"),
    path("<slug:organization>/callback/", entrance.callback, name="sso_callback"),
]
