"""What is checked of a request before its body is read: key and policy."""

from __future__ import annotations

from datetime import UTC, datetime
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, ip_address

from orbit.lib.errors import Code, OrbitError
from proxy.context import EffectivePolicy, Principal

INVALID_KEY = "The API key is missing or not valid. Keys are issued by your organization's admins."


def invalid_key() -> OrbitError:
    """One answer for every bad key: unknown, revoked, expired, rotated out, malformed."""
    return OrbitError(Code.INVALID_API_KEY, INVALID_KEY)


def check_principal(principal: Principal | None) -> Principal:
    """A usable key of a living project and organization."""
    if principal is None or principal.key.revoked:
        raise invalid_key()
    if principal.key.expires_at is not None and principal.key.expires_at <= datetime.now(UTC):
        raise invalid_key()
    if principal.organization.suspended or principal.project.suspended or principal.key.suspended:
        raise OrbitError(
            Code.SUSPENDED,
            "This key, or its project or organization, is suspended or deleted. Ask its admins.",
        )
    return principal


def check_policy(principal: Principal, endpoint: str, client_ip: str | None) -> EffectivePolicy:
    """The key's policy, if it allows this endpoint from this address."""
    policy = principal.policy
    if policy is None:
        raise OrbitError(
            Code.NO_POLICY, "No policy applies to this key, so nothing is allowed. An admin must attach one."
        )
    if endpoint not in principal.endpoints:
        if not all(matches(endpoint, allowed) for allowed in policy.endpoints):
            raise OrbitError(
                Code.ENDPOINT_NOT_ALLOWED, f"The policy of this key does not allow /v1/{endpoint}."
            )
        principal.endpoints.add(endpoint)
    if policy.networks:
        address = _address(client_ip)
        if address is None or not all(
            any(address in one for one in networks) for networks in policy.networks
        ):
            raise OrbitError(
                Code.ADDRESS_NOT_ALLOWED, "The policy of this key does not allow calls from this address."
            )
    return policy


def _address(text: str | None) -> IPv4Address | IPv6Address | None:
    """None for what a proxy wrote that is no address."""
    try:
        return ip_address(text or "")
    except ValueError:
        return None


def matches(name: str, allowed: tuple[str, ...]) -> bool:
    """Whether one of the patterns of a policy allows a name."""
    return any(pattern == "*" or fnmatchcase(name, pattern) for pattern in allowed)
