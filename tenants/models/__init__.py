"""Who: organizations, their members, projects, policies, issued keys and provider accounts.

Every table but people and the installation carries its organization and is protected twice, see
`orbit.lib.access`.
"""

from tenants.models.data_keys import DataKey
from tenants.models.inspectors import Inspector
from tenants.models.keys import ApiKey, FormerSecret, FormerSecretUse, KeyUse, Project, ServiceAccount
from tenants.models.management import (
    IdempotentAnswer,
    ManagementKey,
    OAuthClient,
    OperatorClient,
    OperatorKey,
)
from tenants.models.organizations import (
    CustomRole,
    Installation,
    Invitation,
    Membership,
    Organization,
    Person,
    PersonManager,
)
from tenants.models.policies import Policy, PolicyRequest, PolicyRevision
from tenants.models.providers import ModelAlias, ModelFallback, ModelTarget, ProviderAccount, ProviderObject
from tenants.models.sign_in import Domain, GroupRole, IdentityProvider, ProviderSession

__all__ = [
    "ApiKey",
    "CustomRole",
    "DataKey",
    "Domain",
    "FormerSecret",
    "FormerSecretUse",
    "GroupRole",
    "IdempotentAnswer",
    "IdentityProvider",
    "Inspector",
    "Installation",
    "Invitation",
    "KeyUse",
    "ManagementKey",
    "Membership",
    "ModelAlias",
    "ModelFallback",
    "ModelTarget",
    "OAuthClient",
    "OperatorClient",
    "OperatorKey",
    "Organization",
    "Person",
    "PersonManager",
    "Policy",
    "PolicyRequest",
    "PolicyRevision",
    "Project",
    "ProviderAccount",
    "ProviderObject",
    "ProviderSession",
    "ServiceAccount",
]
