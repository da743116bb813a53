"""Provider credentials: where they are kept, and the ways to read them."""

from tenants.secrets.cached import NONE, Cache, Credential, Fixed, presumed
from tenants.secrets.secret import CannotRead, CredentialUnavailable, Secret
from tenants.secrets.stores import Holder, Stores, check_belongs, check_reference, check_value, resolve

__all__ = [
    "NONE",
    "Cache",
    "CannotRead",
    "Credential",
    "CredentialUnavailable",
    "Fixed",
    "Holder",
    "Secret",
    "Stores",
    "check_belongs",
    "check_reference",
    "check_value",
    "presumed",
    "resolve",
]
