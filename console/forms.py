"""The sign-in package's forms where they ask more of us."""

from __future__ import annotations

from allauth.account.forms import SignupForm
from allauth.core import context
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django import forms

from console import sign_up


class SignUpForm(SignupForm):  # type: ignore[misc]
    def clean_email(self) -> str:
        email = str(super().clean_email())
        sign_up.check_address(context.request, email)
        return email


class AddPasskeyForm(AddWebAuthnForm):  # type: ignore[misc]
    """A passkey that signs in by itself is what most people want, so that is ticked."""

    name = forms.CharField(required=False, max_length=60, help_text="To tell it from others in your list.")
    passwordless = forms.BooleanField(
        required=False,
        initial=True,
        label="Also sign in with it instead of the password",
        help_text="The device then asks for a fingerprint, a face or a PIN each time. Without the tick it is only a second factor.",
    )
