"""Changes to what belongs to an organization. Each is one transaction with its act and its new version."""

from tenants.services.accounts import checked_account, delete_account, save_account
from tenants.services.ceilings import named_policy, set_ceiling
from tenants.services.contents import (
    ReadContent,
    ReadPart,
    Subject,
    contents_of,
    erase_contents,
    erase_latecomers,
    forget_old_contents,
    organizations_with_old_contents,
    read_content,
    recent_erasures,
)
from tenants.services.credentials import rewrap_credentials, try_credential
from tenants.services.data_keys import (
    data_keys_to_renew,
    destroy_data_keys,
    newest_data_key,
    renew_data_key,
)
from tenants.services.deletion import (
    delete_organization,
    due_organizations,
    purge_organization,
    restore_organization,
)
from tenants.services.domains import add_domain, record_of, remove_domain, verify_domain
from tenants.services.false_positives import mark_false_positive, sparing
from tenants.services.held_credentials import NewCredential
from tenants.services.identity_provider import (
    delete_identity_provider,
    save_identity_provider,
    try_identity_provider,
)
from tenants.services.inspectors import checked_inspector, delete_inspector, save_inspector, try_inspector
from tenants.services.invitations import (
    accept_invitation,
    find_invitation,
    invite,
    open_invitations,
    proves,
    revoke_invitation,
)
from tenants.services.issued_keys import (
    change_key,
    issue_key,
    resume_key,
    revoke_key,
    revoke_keys,
    suspend_key,
)
from tenants.services.key_lookup import look_up_key
from tenants.services.key_rotation import announce_due_rotations, rotate_key
from tenants.services.ledger_exports import (
    Link,
    Over,
    advance_export,
    delete_export,
    follow_link,
    link_export,
    note_stream,
    request_export,
    send_export,
    tend_exports,
    visible_exports,
)
from tenants.services.management_keys import (
    issue_management_key,
    issue_operator_key,
    revoke_management_key,
    revoke_operator_key,
)
from tenants.services.members import (
    activate_member,
    add_member,
    change_role,
    deactivate_member,
    remove_member,
)
from tenants.services.oauth_clients import (
    change_oauth_client,
    change_operator_client,
    issue_oauth_client,
    issue_operator_client,
    revoke_oauth_client,
    revoke_operator_client,
)
from tenants.services.organizations import (
    create_organization,
    found_organization,
    may_found,
    update_organization,
)
from tenants.services.policies import delete_policy, rollback_policy, save_policy
from tenants.services.projects import archive_project, save_project
from tenants.services.provider_objects import forget_response, keep_objects, owned_objects
from tenants.services.provider_sessions import (
    end_provider_session,
    forget_old_sessions,
    still_stands,
)
from tenants.services.provider_sign_in import (
    Admitted,
    NotAdmitted,
    Place,
    admit,
    needs_provider,
    place_of_address,
    place_of_slug,
)
from tenants.services.requests import (
    approve_request,
    end_requests,
    refuse_request,
    request_model,
    request_more,
)
from tenants.services.roles import delete_role, save_role
from tenants.services.routes import NewTarget, delete_model, delete_models, save_model
from tenants.services.saved import Actor, Saved
from tenants.services.service_accounts import create_service_account, remove_service_account
from tenants.services.suspension import (
    resume_organization,
    resume_project,
    suspend_organization,
    suspend_project,
)

__all__ = [
    "Actor",
    "Admitted",
    "Link",
    "NewCredential",
    "NewTarget",
    "NotAdmitted",
    "Over",
    "Place",
    "ReadContent",
    "ReadPart",
    "Saved",
    "Subject",
    "accept_invitation",
    "activate_member",
    "add_domain",
    "add_member",
    "admit",
    "advance_export",
    "announce_due_rotations",
    "approve_request",
    "archive_project",
    "change_key",
    "change_oauth_client",
    "change_operator_client",
    "change_role",
    "checked_account",
    "checked_inspector",
    "contents_of",
    "create_organization",
    "create_service_account",
    "data_keys_to_renew",
    "deactivate_member",
    "delete_account",
    "delete_export",
    "delete_identity_provider",
    "delete_inspector",
    "delete_model",
    "delete_models",
    "delete_organization",
    "delete_policy",
    "delete_role",
    "destroy_data_keys",
    "due_organizations",
    "end_provider_session",
    "end_requests",
    "erase_contents",
    "erase_latecomers",
    "find_invitation",
    "follow_link",
    "forget_old_contents",
    "forget_old_sessions",
    "forget_response",
    "found_organization",
    "invite",
    "issue_key",
    "issue_management_key",
    "issue_oauth_client",
    "issue_operator_client",
    "issue_operator_key",
    "keep_objects",
    "link_export",
    "look_up_key",
    "mark_false_positive",
    "may_found",
    "named_policy",
    "needs_provider",
    "newest_data_key",
    "note_stream",
    "open_invitations",
    "organizations_with_old_contents",
    "owned_objects",
    "place_of_address",
    "place_of_slug",
    "proves",
    "purge_organization",
    "read_content",
    "recent_erasures",
    "record_of",
    "refuse_request",
    "remove_domain",
    "remove_member",
    "remove_service_account",
    "renew_data_key",
    "request_export",
    "request_model",
    "request_more",
    "restore_organization",
    "resume_key",
    "resume_organization",
    "resume_project",
    "revoke_invitation",
    "revoke_key",
    "revoke_keys",
    "revoke_management_key",
    "revoke_oauth_client",
    "revoke_operator_client",
    "revoke_operator_key",
    "rewrap_credentials",
    "rollback_policy",
    "rotate_key",
    "save_account",
    "save_identity_provider",
    "save_inspector",
    "save_model",
    "save_policy",
    "save_project",
    "save_role",
    "send_export",
    "set_ceiling",
    "sparing",
    "still_stands",
    "suspend_key",
    "suspend_organization",
    "suspend_project",
    "tend_exports",
    "try_credential",
    "try_identity_provider",
    "try_inspector",
    "update_organization",
    "verify_domain",
    "visible_exports",
]
