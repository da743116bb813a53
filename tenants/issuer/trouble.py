from __future__ import annotations


class IssuerDown(Exception):
    """The issuer cannot be asked now, so nobody knows whether the token is good."""
