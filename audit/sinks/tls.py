"""TLS as the operator's file asks for it."""

from __future__ import annotations

import ssl

from audit.sinks.base import Unavailable
from audit.sinks.config import Tls


def context(tls: Tls) -> ssl.SSLContext:
    """Certificates and names are always checked. Unavailable when a file cannot be read."""
    try:
        made = ssl.create_default_context(cafile=tls.ca_file)
        if tls.cert_file:
            made.load_cert_chain(tls.cert_file, tls.key_file)
    except (OSError, ssl.SSLError) as error:
        words = error.strerror or type(error).__name__
        raise Unavailable(f"tls: a file of certificates cannot be used ({words})") from None
    return made
