from django.urls import path

from console import contents, keys, members, pages, requests, sessions, sign_in, start
from console.installation import pages as installation
from console.policies import editor as policy_editor
from console.policies import pages as policies

urlpatterns = [
    path("", pages.home, name="home"),
    path("organizations/", pages.organizations, name="organizations"),
    path("organizations/new/", start.new_organization, name="new_organization"),
    path("o/<slug:slug>/", pages.dashboard_page, name="dashboard"),
    path("o/<slug:slug>/start/", start.start, name="start"),
    path("o/<slug:slug>/start/account/", start.start_account, name="start_account"),
    path("o/<slug:slug>/start/demo/", start.start_demo, name="start_demo"),
    path("o/<slug:slug>/start/models/", start.start_models, name="start_models"),
    path("o/<slug:slug>/start/policy/", start.start_policy, name="start_policy"),
    path("o/<slug:slug>/start/key/", start.start_key, name="start_key"),
    path("o/<slug:slug>/start/calls/<uuid:event_id>/", start.start_call, name="start_call"),
    path("o/<slug:slug>/calls/<uuid:event_id>/", pages.call_page, name="call"),
    path("o/<slug:slug>/calls/<uuid:event_id>/content/", contents.call_content, name="call_content"),
    path("o/<slug:slug>/contents/", contents.contents_page, name="contents"),
    path("o/<slug:slug>/contents/erase/", contents.erase, name="erase_contents"),
    path("o/<slug:slug>/contents/destroy/", contents.destroy, name="destroy_contents"),
    path("o/<slug:slug>/keys/", keys.keys_page, name="keys"),
    path("o/<slug:slug>/keys/issue/", keys.issue, name="issue_key"),
    path("o/<slug:slug>/keys/<uuid:key_id>/rotate/", keys.rotate, name="rotate_key"),
    path("o/<slug:slug>/keys/<uuid:key_id>/suspend/", keys.suspend, name="suspend_key"),
    path("o/<slug:slug>/keys/<uuid:key_id>/resume/", keys.resume, name="resume_key"),
    path("o/<slug:slug>/keys/<uuid:key_id>/revoke/", keys.revoke, name="revoke_key"),
    path("o/<slug:slug>/policies/", policies.policies_page, name="policies"),
    path("o/<slug:slug>/policies-new/", policy_editor.new_policy, name="new_policy"),
    path("o/<slug:slug>/policies-check/", policy_editor.check_policy, name="check_policy"),
    path("o/<slug:slug>/policies/<slug:policy>/", policies.policy_page, name="policy"),
    path("o/<slug:slug>/policies/<slug:policy>/edit/", policy_editor.edit_policy, name="edit_policy"),
    path("o/<slug:slug>/policies/<slug:policy>/compare/", policies.compare_page, name="compare_policy"),
    path("o/<slug:slug>/policies/<slug:policy>/rollback/", policies.rollback, name="rollback_policy"),
    path("o/<slug:slug>/policies/<slug:policy>/attach/", policies.attach, name="attach_policy"),
    path("o/<slug:slug>/policies/<slug:policy>/detach/", policies.detach, name="detach_policy"),
    path("o/<slug:slug>/policies/<slug:policy>/remove/", policies.remove, name="remove_policy"),
    path("o/<slug:slug>/policies/<slug:policy>/trials/", policy_editor.begin_trial, name="begin_trial"),
    path(
        "o/<slug:slug>/policies/<slug:policy>/trials/<uuid:trial_id>/",
        policy_editor.trial_page,
        name="policy_trial",
    ),
    path(
        "o/<slug:slug>/policies/<slug:policy>/trials/<uuid:trial_id>/stop/",
        policy_editor.stop_trial,
        name="stop_policy_trial",
    ),
    path("o/<slug:slug>/requests/", requests.requests_page, name="requests"),
    path("o/<slug:slug>/requests/ask/", requests.ask, name="ask_for_more"),
    path("o/<slug:slug>/requests/<uuid:request_id>/approve/", requests.approve, name="approve_request"),
    path("o/<slug:slug>/requests/<uuid:request_id>/refuse/", requests.refuse, name="refuse_request"),
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
    path("operator/", installation.overview, name="operator"),
    path("operator/organizations/", installation.organizations_page, name="operator_organizations"),
    path(
        "operator/organizations/<uuid:organization_id>/freeze/",
        installation.freeze,
        name="freeze_organization",
    ),
    path(
        "operator/organizations/<uuid:organization_id>/unfreeze/",
        installation.unfreeze,
        name="unfreeze_organization",
    ),
    path("invitations/<uuid:organization_id>/<slug:token>/", members.invitation, name="invitation"),
    path("accounts/sessions/end-others/", sessions.end_others, name="end_other_sessions"),
    path("accounts/sessions/<int:session_id>/end/", sessions.end_one, name="end_session"),
    path("dev/outbox/", pages.outbox, name="outbox"),
    path("dev/outbox/<slug:name>/", pages.outbox_mail, name="outbox_mail"),
]
