"""Everything that is not the proxy."""

from allauth.account.decorators import secure_admin_login
from allauth.account.views import logout
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import include, path, re_path
from django.views.generic import RedirectView

# Staff sign in and out like everybody else, so that attempts are limited and a second factor is asked for.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]


def not_there(request: HttpRequest) -> HttpResponse:
    raise Http404


urlpatterns = [
    path("admin/logout/", logout),
    path("admin/password_change/", RedirectView.as_view(pattern_name="account_change_password")),
    path("admin/", admin.site.urls),
    path("accounts/sso/", include("console.entrance_urls")),
    # The package's own pages of accounts elsewhere: they link and unlink without asking us.
    re_path(r"^accounts/(?:3rdparty|social)/", not_there),
    path("accounts/", include("allauth.urls")),
    path("api/v1/", include("orbit.api")),
    path("", include("tenants.oauth.urls")),
    path("", include("console.urls")),
]

handler400 = "console.errors.bad_request"
handler403 = "console.errors.permission_denied"
handler404 = "console.errors.page_not_found"
handler429 = "console.errors.too_many_requests"  # the sign-in package's
handler500 = "console.errors.server_error"
