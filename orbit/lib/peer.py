"""Whose address a request counts for."""

from __future__ import annotations


def client_address(hops: int, forwarded: str, peer: str | None) -> str | None:
    """The peer, or the right-most hop of X-Forwarded-For that none of our `hops` trusted proxies added.

    A chain that is too short did not come by all of them, so it is not believed.
    """
    if hops:
        chain = [one.strip() for one in forwarded.split(",") if one.strip()]
        if len(chain) >= hops:
            return chain[-hops]
    return peer
