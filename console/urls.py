from django.urls import path

from console import pages

urlpatterns = [
    path("", pages.home, name="home"),
    path("organizations/", pages.organizations, name="organizations"),
    path("o/<slug:slug>/", pages.dashboard_page, name="dashboard"),
    path("o/<slug:slug>/calls/<uuid:event_id>/", pages.call_page, name="call"),
    path("dev/outbox/", pages.outbox, name="outbox"),
    path("dev/outbox/<slug:name>/", pages.outbox_mail, name="outbox_mail"),
]
