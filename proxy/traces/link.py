"""The way to the operator's collector: OTLP over HTTP, through the one way out.

Its address is the operator's own, like a sink's, so it may be private; no tenant's address is allowed by that.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

from django.conf import settings

from audit.sinks.base import Unavailable
from audit.sinks.config import Tls
from audit.sinks.http import Post, check_url, place_of
from orbit.lib.traces import Exporter, NotTaken
from proxy.traces.tracer import Tracer

LATER = frozenset({429, 502, 503, 504})  # of OTLP; all others are final
SECONDS = 10.0


def started() -> Tracer | None:
    """None where the installation keeps no traces."""
    if not settings.ORBIT_TRACES_URL:
        return None
    link = _link()
    resource = {"service.name": "orbit-gateway", "host.name": socket.gethostname()}
    return Tracer(
        Exporter(link.send, link.post.close, resource, settings.ORBIT_TRACES_QUEUE),
        settings.ORBIT_TRACES_PERCENT,
        settings.ORBIT_TRACES_TO_PROVIDERS,
    )


def tried() -> None:
    """Sends a request without spans, which a collector takes. NotTaken where it does not."""
    link = _link()
    try:
        link.send(b"")
    finally:
        link.post.close()


def _link() -> Link:
    url = settings.ORBIT_TRACES_URL
    post = Post(place_of(url), SECONDS, Tls(ca_file=settings.ORBIT_TRACES_CA_FILE or None))
    return Link(url, [*settings.ORBIT_TRACES_HEADERS.items()], post)


def problems() -> list[str]:
    """In words, naming the setting that mends it."""
    url = settings.ORBIT_TRACES_URL
    if not url:
        return []
    try:
        check_url("ORBIT_TRACES_URL", url, private=True)
    except ValueError as error:
        return [f"{error}. It must read https://host:port/v1/traces (or http:// in your own network)."]
    if "?" in url:
        return ["ORBIT_TRACES_URL must not have a query; put a token into ORBIT_TRACES_HEADERS."]
    return []


@dataclass
class Link:
    url: str
    headers: list[tuple[str, str]]
    post: Post

    def send(self, content: bytes) -> bytes:
        try:
            reply = self.post(self.url, [*self.headers, ("content-type", "application/x-protobuf")], content)
        except Unavailable as error:
            raise NotTaken(str(error)) from None
        if 200 <= reply.status < 300:
            return reply.content or b""
        raise NotTaken(
            f"answered {reply.status}", lasting=reply.status not in LATER, wait_s=reply.retry_after_s
        )
