"""Django admin of the tenants: each module registers its models."""

from tenants.admin import credentials, keys, organizations, people, policies, providers

__all__ = ["credentials", "keys", "organizations", "people", "policies", "providers"]
