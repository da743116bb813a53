"""What the operator says of the issuer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.conf import settings

from orbit.lib.exchange import NotAllowed
from orbit.lib.targets import listed, parse_origin, split
from tenants.rights import PRESETS, SCOPES, Scope

# Of these the issuer alone has the secret half. With a shared one, who checks a token could make it.
ASYMMETRIC = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")


@dataclass(frozen=True, slots=True)
class Config:
    issuer: str
    audience: str
    keys_url: str
    ca_file: str
    algorithms: tuple[str, ...]
    scope_claims: tuple[str, ...]
    roles: tuple[tuple[str, tuple[str, ...]], ...]
    organization_claim: str
    introspection_url: str
    client_id: str
    client_secret: str = field(repr=False)
    introspects_jwts: bool
    cache_s: int

    def scopes_of(self, words: frozenset[str]) -> frozenset[Scope]:
        """What the words of a token stand for: scopes under their own names, and roles. Others are not ours."""
        found = {SCOPES[word] for word in words if word in SCOPES}
        for role, named in self.roles:
            if role in words:
                found.update(scope for word in named for scope in meant(word))
        return frozenset(found)


def configured() -> Config | None:
    """None without an issuer."""
    if not settings.ORBIT_JWT_ISSUER:
        return None
    return Config(
        issuer=settings.ORBIT_JWT_ISSUER,
        audience=settings.ORBIT_JWT_AUDIENCE,
        keys_url=settings.ORBIT_JWT_JWKS_URL,
        ca_file=settings.ORBIT_JWT_CA_FILE,
        algorithms=tuple(one for one in settings.ORBIT_JWT_ALGORITHMS if one in ASYMMETRIC),
        scope_claims=tuple(settings.ORBIT_JWT_SCOPES_CLAIM),
        roles=tuple(settings.ORBIT_JWT_ROLES.items()),
        organization_claim=settings.ORBIT_JWT_ORGANIZATION_CLAIM,
        introspection_url=settings.ORBIT_INTROSPECTION_URL,
        client_id=settings.ORBIT_INTROSPECTION_CLIENT_ID,
        client_secret=settings.ORBIT_INTROSPECTION_CLIENT_SECRET,
        introspects_jwts=settings.ORBIT_INTROSPECTION_JWTS,
        cache_s=settings.ORBIT_INTROSPECTION_CACHE_S,
    )


def meant(word: str) -> tuple[Scope, ...]:
    """The scopes of a preset, or the one of this name."""
    if word in PRESETS:
        return PRESETS[word]
    return (SCOPES[word],) if word in SCOPES else ()


def vetted(url: str) -> str:
    """The address, when we may go there: https, or listed in ORBIT_PRIVATE_TARGETS. NotAllowed otherwise."""
    origin, path = split(url)
    return parse_origin(origin, listed(settings.ORBIT_PRIVATE_TARGETS)).origin + path


def problems() -> Iterator[str]:
    """In words, each naming the setting that mends it."""
    if not settings.ORBIT_JWT_ISSUER:
        for name in ("ORBIT_JWT_AUDIENCE", "ORBIT_JWT_JWKS_URL", "ORBIT_INTROSPECTION_URL"):
            if getattr(settings, name):
                yield f"{name} is set, and ORBIT_JWT_ISSUER is not."
        return
    if not settings.ORBIT_JWT_AUDIENCE:
        yield "ORBIT_JWT_AUDIENCE is not set: without it, tokens that the issuer gave for others would count here."
    strange = [one for one in settings.ORBIT_JWT_ALGORITHMS if one not in ASYMMETRIC]
    if strange or not settings.ORBIT_JWT_ALGORITHMS:
        yield f"ORBIT_JWT_ALGORITHMS may hold {', '.join(ASYMMETRIC)}."
    for name in ("ORBIT_JWT_ISSUER", "ORBIT_JWT_JWKS_URL", "ORBIT_INTROSPECTION_URL"):
        try:
            if getattr(settings, name):
                vetted(getattr(settings, name))
        except NotAllowed as error:
            yield f"{name} {error.message} ({error.remedy})."
    for role, words in settings.ORBIT_JWT_ROLES.items():
        unknown = [word for word in words if not meant(word)]
        if unknown:
            yield f"ORBIT_JWT_ROLES gives {role} {unknown[0]!r}, which is neither a scope nor a preset."
    if settings.ORBIT_INTROSPECTION_URL:
        for name in ("ORBIT_INTROSPECTION_CLIENT_ID", "ORBIT_INTROSPECTION_CLIENT_SECRET"):
            if not getattr(settings, name):
                yield f"{name} is not set, and ORBIT_INTROSPECTION_URL needs it."
    elif settings.ORBIT_INTROSPECTION_JWTS:
        yield "ORBIT_INTROSPECTION_JWTS is set, and ORBIT_INTROSPECTION_URL is not."
