"""How the sign-in package behaves here."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest

from console import openid, sign_up, single_sign_on


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
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
