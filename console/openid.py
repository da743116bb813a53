"""The sign-in package's OpenID Connect, told to use an organization's own provider and our way out.

Of the package come the state in the session, PKCE and the sign-in itself. What is said to the provider goes by
`tenants.oidc`; who comes in, `tenants.services.admit` decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn
from uuid import UUID

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.base.constants import AuthError, AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Client
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from orbit.lib import access
from tenants import oidc, services
from tenants.models import IdentityProvider, ProviderSession
from tenants.services.identity_provider import client_of


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the provider said of who is coming, until it is decided whether they come in."""

    claims: oidc.Claims
    source: str
    tokens: oidc.Tokens


class Flow(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """One trip to the provider and back. Raises what `tenants.oidc` raises."""

    def __init__(self, request: HttpRequest, provider_id: str) -> None:
        super().__init__(request, provider_id)
        place = services.place_of_slug(provider_id)
        if place is None:
            raise SocialApp.DoesNotExist
        self.place = place
        with access.scope(organization_id=place.organization_id):
            self.own = IdentityProvider.objects.get()
        self.oidc = client_of(self.own)

    @property
    def openid_config(self) -> dict[str, str]:
        at = self.oidc.at
        return {
            "issuer": at.issuer,
            "authorization_endpoint": at.authorization,
            "token_endpoint": at.token,
            "jwks_uri": at.keys,
            "userinfo_endpoint": at.userinfo,
        }

    def get_provider(self) -> Provider:
        app = SocialApp(
            provider=Provider.id,
            provider_id=self.place.slug,
            name=self.place.name,
            client_id=self.oidc.client_id,
            settings={
                "oauth_pkce_enabled": True,
                "scope": ["openid", "profile", "email", *self.oidc.at.scopes],
            },
        )
        return Provider(self.request, app)

    def get_client(self, request: HttpRequest, app: SocialApp) -> OAuth2Client:
        """It only writes the address of the redirect; the secret stays with `tenants.oidc`."""
        redirect_uri = self.get_callback_url(request, app)
        return OAuth2Client(request, app.client_id, "", "POST", self.access_token_url, redirect_uri)

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        return redirect_uri(self.place.slug)

    def get_access_token_data(
        self,
        request: HttpRequest,
        app: SocialApp,
        client: OAuth2Client,
        pkce_code_verifier: str | None = None,
    ) -> dict[str, Any]:
        self.tokens = oidc.exchange(
            self.oidc,
            code=request.GET.get("code", ""),
            verifier=pkce_code_verifier or "",
            redirect_uri=client.callback_url,
        )
        return {"access_token": self.tokens.access}

    def complete_login(
        self, request: HttpRequest, app: SocialApp, token: SocialToken, **kwargs: Any
    ) -> SocialLogin:
        said = oidc.id_claims(self.oidc, self.tokens.id_token)
        info = oidc.userinfo(self.oidc, self.tokens.access) if self.oidc.at.userinfo else {}
        if info and info.get("sub") != said["sub"]:
            raise oidc.Rejected("its userinfo speaks of somebody else than its ID token")
        both = oidc.merged(said, info)
        claims = oidc.read_claims(both, self.own.groups_claim)
        checked = {"sub": claims.subject, "email": claims.email, "name": claims.name}
        login = self.get_provider().sociallogin_from_response(request, {"userinfo": checked})
        login.arrival = Arrival(claims, self._source(said, info), self.tokens)
        return login

    def _source(self, said: dict[str, Any], info: dict[str, Any]) -> str:
        """Where to look for the groups again."""
        claim = self.own.groups_claim
        in_info = info and oidc.read_claims(info, claim).groups is not None
        in_token = oidc.read_claims(said, claim).groups is not None
        if in_info or (info and not in_token):
            return ProviderSession.Source.USERINFO
        return ProviderSession.Source.ID_TOKEN


class Provider(OpenIDConnectProvider):  # type: ignore[misc]
    """An organization's. Not registered with the package, so none of its own pages leads to one."""

    oauth2_adapter_class = Flow

    def extract_extra_data(self, data: Any) -> dict[str, Any]:
        """Nothing of what the provider says is kept beside the link itself."""
        return {}


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Lets in whom `tenants.services.admit` lets in, and nobody by any other way of the package's."""

    def list_apps(self, request: HttpRequest, provider: Any = None, client_id: Any = None) -> list[SocialApp]:
        return []

    def get_provider(self, request: HttpRequest, provider: str, client_id: Any = None) -> Provider:
        return Flow(request, provider).get_provider()

    def get_requests_session(self) -> NoReturn:
        raise RuntimeError("connections leave by orbit.lib.egress")

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False  # whoever comes in is somebody by then

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        arrival = getattr(sociallogin, "arrival", None)
        if arrival is None or sociallogin.state.get("process") != AuthProcess.LOGIN:
            raise ImmediateHttpResponse(refusal(request, "That is no way to sign in."))
        place = services.place_of_slug(sociallogin.account.provider)
        if place is None:
            raise ImmediateHttpResponse(refusal(request, "The organization has no provider any more."))
        try:
            admitted = services.admit(
                organization_id=place.organization_id,
                said=arrival.claims,
                source=arrival.source,
                tokens=arrival.tokens,
            )
        except services.NotAdmitted as error:
            raise ImmediateHttpResponse(refusal(request, str(error), place.slug)) from None
        sociallogin.user, sociallogin.account = admitted.person, admitted.account
        come_in(request, place.organization_id, admitted.session_id)

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, exception: Any = None, **_: Any
    ) -> None:
        words = (
            "You turned back at the provider."
            if error == AuthError.CANCELLED
            else "The provider sent you back without a sign-in, or it took too long. Try again."
        )
        raise ImmediateHttpResponse(refusal(request, words, provider.app.provider_id))


def redirect_uri(slug: str) -> str:
    """Whatever Host the request names."""
    return f"{settings.ORBIT_PUBLIC_URL}{reverse('sso_callback', args=[slug])}"


def come_in(request: HttpRequest, organization_id: UUID, session_id: UUID) -> None:
    """Remembered for the moment in which the session is made (console/adapters.py)."""
    request.arrived = (organization_id, session_id)  # type: ignore[attr-defined]


def arrived(request: HttpRequest) -> tuple[UUID, UUID] | None:
    """Organization and provider session of who is signing in right now by a provider."""
    found: tuple[UUID, UUID] | None = getattr(request, "arrived", None)
    return found


def refusal(request: HttpRequest, reason: str, slug: str = "", status: int = 403) -> HttpResponse:
    return render(request, "console/sso_refused.html", {"reason": reason, "slug": slug}, status=status)
