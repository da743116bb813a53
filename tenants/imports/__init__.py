"""Other gateways' configurations, and plain lists of tenants, as the declarative file says them."""

from tenants.imports import litellm, plain
from tenants.imports.draft import Draft

__all__ = ["Draft", "litellm", "plain"]
