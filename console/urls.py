from django.urls import path

from console import keys, members, pages, sessions, sign_in, start
from console.figures import pages as figures

urlpatterns = [
    path("", pages.home, name="home"),
    path("organizations/", pages.organizations, name="organizations"),
    path("organizations/new/", start.new_organization, name="new_organization"),
    path("o/<slug:slug>/", figures.dashboard_page, name="dashboard"),
    path("o/<slug:slug>/csv/", figures.dashboard_csv, name="dashboard_csv"),
    path("o/<slug:slug>/mine/", figures.my_usage_page, name="my_usage"),
    path("o/<slug:slug>/mine/csv/", figures.my_usage_csv, name="my_usage_csv"),
    path("o/<slug:slug>/start/", start.start, name="start"),
    path("o/<slug:slug>/start/account/", start.start_account, name="start_account"),
    path("o/<slug:slug>/start/demo/", start.start_demo, name="start_demo"),
    path("o/<slug:slug>/start/models/", start.start_models, name="start_models"),
    path("o/<slug:slug>/start/policy/", start.start_policy, name="start_policy"),
    path("o/<slug:slug>/start/key/", start.start_key, name="start_key"),
    path("o/<slug:slug>/start/calls/<uuid:event_id>/", start.start_call, name="start_call"),
    path("o/<slug:slug>/calls/<uuid:event_id>/", pages.call_page, name="call"),
    path("o/<slug:slug>/keys/", keys.keys_page, name="keys"),
    path("o/<slug:slug>/keys/issue/", keys.issue, name="issue_key"),
    path("o/<slug:slug>/keys/<uuid:key_id>/rotate/", keys.rotate, name="rotate_key"),
    path("o/<slug:slug>/keys/<uuid:key_id>/suspend/", keys.suspend, name="suspend_key"),
    path("o/<slug:slug>/keys/<uuid:key_id>/resume/", keys.resume, name="resume_key"),
    path("o/<slug:slug>/keys/<uuid:key_id>/revoke/", keys.revoke, name="revoke_key"),
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
    path("accounts/sessions/end-others/", sessions.end_others, name="end_other_sessions"),
    path("accounts/sessions/<int:session_id>/end/", sessions.end_one, name="end_session"),
    path("dev/outbox/", pages.outbox, name="outbox"),
    path("dev/outbox/<slug:name>/", pages.outbox_mail, name="outbox_mail"),
]
