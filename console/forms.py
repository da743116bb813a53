"""The sign-in package's forms where they ask more of us."""

from __future__ import annotations

from allauth.account.forms import SignupForm
from allauth.core import context

from console import sign_up


class SignUpForm(SignupForm):  # type: ignore[misc]
    def clean_email(self) -> str:
        email = str(super().clean_email())
        sign_up.check_address(context.request, email)
        return email
