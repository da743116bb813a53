from django.urls import path

from console import members, pages, sign_in

urlpatterns = [
    path("", pages.home, name="home"),
    path("organizations/", pages.organizations, name="organizations"),
    path("o/<slug:slug>/", pages.dashboard_page, name="dashboard"),
    path("o/<slug:slug>/calls/<uuid:event_id>/", pages.call_page, name="call"),
    path("o/<slug:slug>/members/", members.members_page, name="members"),
    path("o/<slug:slug>/members/invite/", members.invite, name="invite"),
    path("o/<slug:slug>/members/<uuid:member_id>/role/", members.change_role, name="change_role"),
    path("o/<slug:slug>/members/<uuid:member_id>/remove/", members.remove_member, name="remove_member"),
    path(
        "o/<slug:slug>/invitations/<uuid:invitation_id>/revoke/",
        members.revoke_invitation,
        name="revoke_invitation",
    ),
    path("o/<slug:slug>/sign-in/", sign_in.settings_page, name="sign_in"),
    path("o/<slug:slug>/sign-in/save/", sign_in.save, name="save_sign_in"),
    path("o/<slug:slug>/sign-in/test/", sign_in.test, name="test_sign_in"),
    path("o/<slug:slug>/sign-in/remove/", sign_in.remove, name="remove_sign_in"),
    path("o/<slug:slug>/sign-in/domains/", sign_in.add_domain, name="add_domain"),
    path(
        "o/<slug:slug>/sign-in/domains/<uuid:domain_id>/verify/", sign_in.verify_domain, name="verify_domain"
    ),
    path(
        "o/<slug:slug>/sign-in/domains/<uuid:domain_id>/remove/", sign_in.remove_domain, name="remove_domain"
    ),
    path("invitations/<uuid:organization_id>/<slug:token>/", members.invitation, name="invitation"),
    path("dev/outbox/", pages.outbox, name="outbox"),
    path("dev/outbox/<slug:name>/", pages.outbox_mail, name="outbox_mail"),
]
