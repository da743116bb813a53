from django.urls import path

from console import members, pages, sessions

urlpatterns = [
    path("", pages.home, name="home"),
    path("organizations/", pages.organizations, name="organizations"),
    path("o/<slug:slug>/", pages.dashboard_page, name="dashboard"),
    path("o/<slug:slug>/calls/<uuid:event_id>/", pages.call_page, name="call"),
    path("o/<slug:slug>/members/", members.members_page, name="members"),
    path("o/<slug:slug>/members/invite/", members.invite, name="invite"),
    path("o/<slug:slug>/members/second-factor/", members.require_mfa, name="require_mfa"),
    path("o/<slug:slug>/members/<uuid:member_id>/role/", members.change_role, name="change_role"),
    path("o/<slug:slug>/members/<uuid:member_id>/remove/", members.remove_member, name="remove_member"),
    path(
        "o/<slug:slug>/invitations/<uuid:invitation_id>/revoke/",
        members.revoke_invitation,
        name="revoke_invitation",
    ),
    path("invitations/<uuid:organization_id>/<slug:token>/", members.invitation, name="invitation"),
    path("accounts/sessions/end-others/", sessions.end_others, name="end_other_sessions"),
    path("accounts/sessions/<int:session_id>/end/", sessions.end_one, name="end_session"),
    path("dev/outbox/", pages.outbox, name="outbox"),
    path("dev/outbox/<slug:name>/", pages.outbox_mail, name="outbox_mail"),
]
