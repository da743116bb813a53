"""Provider credentials: where they are kept, and the one way to read them."""

from tenants.secrets.secret import CredentialUnavailable, Secret
from tenants.secrets.stores import check_reference, check_value, resolve

__all__ = ["CredentialUnavailable", "Secret", "check_reference", "check_value", "resolve"]
