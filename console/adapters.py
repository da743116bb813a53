"""How the sign-in package behaves here."""

from __future__ import annotations

import logging
from ipaddress import ip_address
from smtplib import SMTPException
from typing import Any, ClassVar
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.internal.httpkit import clean_client_ip
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

from console import openid, sign_up, single_sign_on
from orbit.lib.peer import client_address
from tenants import second_factors
from tenants.lockout import account_key
from tenants.models import Person

logger = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    error_messages: ClassVar = {
        **DefaultAccountAdapter.error_messages,
        "too_many_login_attempts": "Too many failed login attempts. Wait five minutes, or reset your password.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return settings.ORBIT_SIGN_UP != "invitation" or sign_up.invitation(request) is not None

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:
        if settings.ORBIT_SIGN_UP == "approval" and not sign_up.is_invited(
            request, form.cleaned_data["email"]
        ):
            user.approved_at = None
        return super().save_user(request, user, form, commit)

    def get_login_stages(self) -> list[str]:
        """A second factor is the provider's business where a provider vouches."""
        stages: list[str] = super().get_login_stages()
        if openid.arrived(self.request) is None:
            return stages
        return [stage for stage in stages if not stage.startswith("allauth.mfa.")]

    def login(self, request: HttpRequest, user: Any) -> None:
        super().login(request, user)
        single_sign_on.mark(request, openid.arrived(request))

    def logout(self, request: HttpRequest) -> None:
        single_sign_on.end(request)
        super().logout(request)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Links in mails lead to our own address, whatever Host the request named."""
        links = {
            name: f"{settings.ORBIT_PUBLIC_URL}{urlsplit(value).path}"
            for name, value in context.items()
            if name.endswith("_url") and isinstance(value, str)
        }
        super().send_mail(template_prefix, email, {**context, **links})

    def send_notification_mail(self, template_prefix: str, user: Person, *args: Any, **kwargs: Any) -> None:
        """What it tells of has been done, so that a mail server that is away must not make it look undone."""
        try:
            super().send_notification_mail(template_prefix, user, *args, **kwargs)
        except (OSError, SMTPException) as error:
            logger.warning("no mail %s to person=%s: %s", template_prefix, user.pk, type(error).__name__)

    def is_safe_url(self, url: str) -> bool:
        """Only paths of our own. The package would follow to any host under which we answer, at any port."""
        return url.startswith("/") and url_has_allowed_host_and_scheme(url, allowed_hosts=None)

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address that limits and lists of sessions go by; the same as the proxy's."""
        peer = request.META.get("REMOTE_ADDR")
        named = client_address(
            settings.ORBIT_TRUSTED_PROXIES, request.headers.get("X-Forwarded-For", ""), peer
        )
        found = next(filter(None, map(_plain, filter(None, (named, peer)))), None)
        if found is None:
            raise PermissionDenied("the client has no address")
        return found

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        words = {
            "reauthenticate": "Use your password",
            "mfa_reauthenticate": "Use a code",
            "mfa_reauthenticate:webauthn": "Use a passkey",
        }
        methods = super().get_reauthentication_methods(user)
        return [
            method | {"description": words.get(method["id"], method["description"])} for method in methods
        ]

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """The package's own has the request's Host in it, which who guesses may choose, port included."""
        return account_key(credentials.get("email", ""))


def _plain(text: str) -> str | None:
    """Without port and zone; of an IPv4 address in IPv6's clothes itself, for limits count IPv6 by network."""
    cleaned = clean_client_ip(text)
    if cleaned is None:
        return None
    address = ip_address(cleaned.partition("%")[0])
    return str(getattr(address, "ipv4_mapped", None) or address)


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    def encrypt(self, text: str) -> str:
        return second_factors.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return second_factors.unseal(encrypted_text)

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {**super().get_public_key_credential_rp_entity(), "name": "Orbit Gateway"}

    def generate_authenticator_name(self, user: Person, kind: Authenticator.Type) -> str:
        number = Authenticator.objects.filter(user_id=user.pk, type=kind).count() + 1
        return "Passkey" if number == 1 else f"Passkey {number}"
