"""What we say to an organization's OpenID provider, and what we make of its answers. No models, no requests of ours."""

from tenants.oidc.claims import Claims, merged, read_claims
from tenants.oidc.discovery import Endpoints, endpoints, look_up, remarks
from tenants.oidc.http import Rejected, Unavailable, let_go_of_the_database
from tenants.oidc.tokens import Client, Tokens, exchange, id_claims, refresh, userinfo

__all__ = [
    "Claims",
    "Client",
    "Endpoints",
    "Rejected",
    "Tokens",
    "Unavailable",
    "endpoints",
    "exchange",
    "id_claims",
    "let_go_of_the_database",
    "look_up",
    "merged",
    "read_claims",
    "refresh",
    "remarks",
    "userinfo",
]
