"""Changes to what belongs to an organization. Each is one transaction with its act and its new version."""

from tenants.services.accounts import NewCredential, delete_account, save_account
from tenants.services.issued_keys import change_key, issue_key, revoke_key
from tenants.services.organizations import add_member, create_organization, update_organization
from tenants.services.policies import delete_policy, rollback_policy, save_policy
from tenants.services.projects import archive_project, save_project
from tenants.services.provider_objects import forget_response, keep_objects, owned_objects
from tenants.services.requests import (
    approve_request,
    end_requests,
    refuse_request,
    request_model,
    request_more,
)
from tenants.services.routes import NewTarget, delete_model, delete_models, save_model
from tenants.services.saved import Saved

__all__ = [
    "NewCredential",
    "NewTarget",
    "Saved",
    "add_member",
    "approve_request",
    "archive_project",
    "change_key",
    "create_organization",
    "delete_account",
    "delete_model",
    "delete_models",
    "delete_policy",
    "end_requests",
    "forget_response",
    "issue_key",
    "keep_objects",
    "owned_objects",
    "refuse_request",
    "request_model",
    "request_more",
    "revoke_key",
    "rollback_policy",
    "save_account",
    "save_model",
    "save_policy",
    "save_project",
    "update_organization",
]
