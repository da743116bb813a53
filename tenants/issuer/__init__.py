"""Tokens of an issuer that the operator trusts: whether they are good, and what they open here.

Signed ones (JWTs) are checked by the issuer's public keys, others by asking it (RFC 7662).
"""

from tenants.issuer.claims import Claims, Malformed
from tenants.issuer.config import Config, configured
from tenants.issuer.tokens import Issuer, issuer
from tenants.issuer.trouble import IssuerDown

__all__ = ["Claims", "Config", "Issuer", "IssuerDown", "Malformed", "configured", "issuer"]
