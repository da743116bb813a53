"""`aws-sm://name#field`: AWS Secrets Manager, by the SDK, which finds its own way in.

That is the role of the machine, pod or task where there is one (no key anywhere), else the SDK's own variables.
"""

from __future__ import annotations

import re
import threading
from importlib import import_module
from typing import Any

from django.conf import settings

from orbit.lib.errors import InputError
from tenants.secrets.secret import CannotRead, Down, Gone
from tenants.secrets.store import Store, field_of, needs_package, split_field

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+=.@-]*(?:/[A-Za-z0-9][A-Za-z0-9_+=.@-]*)*")
_GONE = ("ResourceNotFoundException", "InvalidRequestException")  # the latter: it is about to be deleted
_REFUSED = (
    "AccessDenied",
    "AccessDeniedException",
    "DecryptionFailure",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "UnrecognizedClientException",
)


class SecretsManager(Store):
    scheme = "aws-sm"
    form = "aws-sm://name#field"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._client: Any = None

    def check(self, name: str) -> None:
        if not settings.ORBIT_AWS_REGION:
            raise InputError(
                "",
                "AWS Secrets Manager is not set up",
                "the operator sets ORBIT_AWS_REGION where the gateway runs",
            )
        needs_package("boto3", "aws.txt")
        path, _ = split_field(name)
        if not _NAME.fullmatch(path) or len(path) > 512:
            raise InputError(
                "", "names no secret of AWS Secrets Manager", f"write {self.form}, or without #field"
            )

    def stems(self, prefix: str) -> tuple[str, ...]:
        return (f"{prefix}/",)

    def read(self, name: str) -> str:
        self.check(name)
        path, field = split_field(name)
        errors = import_module("botocore.exceptions")
        try:
            found = self._opened().get_secret_value(SecretId=path)
        except errors.ClientError as error:
            raise _refusal(str(error.response.get("Error", {}).get("Code", ""))) from None
        except errors.BotoCoreError as error:
            raise Down(f"AWS Secrets Manager is not reachable ({type(error).__name__})") from None
        text = found.get("SecretString")
        if not isinstance(text, str):
            raise Gone("what is there is no text")
        return field_of(text, field)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def _opened(self) -> Any:
        """Making a client is not safe among threads; using one is."""
        with self._lock:
            if self._client is None:
                limits = import_module("botocore.config").Config(
                    connect_timeout=settings.ORBIT_SECRET_TIMEOUT_S,
                    read_timeout=settings.ORBIT_SECRET_TIMEOUT_S,
                    retries={"total_max_attempts": 1},  # our own cache tries again
                )
                session = import_module("boto3.session").Session()
                self._client = session.client(
                    "secretsmanager", region_name=settings.ORBIT_AWS_REGION, config=limits
                )
            return self._client


def _refusal(code: str) -> CannotRead:
    if code in _GONE:
        return Gone("AWS Secrets Manager has no such secret")
    if code in _REFUSED:
        return CannotRead(f"AWS Secrets Manager refuses to read it ({code})")
    return Down(f"AWS Secrets Manager answers {code or 'an error'}")
