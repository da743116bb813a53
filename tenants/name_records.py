"""What the domain name system says of a domain: the record by which an organization shows that the domain is its own."""

from __future__ import annotations

import dns.exception
import dns.resolver
from django.conf import settings

LABEL = "_orbit-challenge"
SECONDS = 5.0


class NotAnswered(Exception):
    """No name server gave an answer. That says nothing about the record."""


def text_records(domain: str) -> list[str]:
    """The TXT records of the domain's challenge, asked for now. Empty when there are none."""
    resolver = _resolver()
    try:
        answer = resolver.resolve(f"{LABEL}.{domain}.", "TXT", lifetime=SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.DNSException as error:
        raise NotAnswered(type(error).__name__) from None
    return [b"".join(record.strings).decode(errors="replace") for record in answer]


def _resolver() -> dns.resolver.Resolver:
    """The system's name servers, or those of the settings. Nothing is remembered: somebody waits for a new record."""
    servers = settings.ORBIT_DNS_SERVERS
    resolver = dns.resolver.Resolver(configure=not servers)
    if servers:
        places = [server_of(one) for one in servers]
        resolver.nameservers = [host for host, _ in places]
        resolver.nameserver_ports = dict(places)
    return resolver


def server_of(text: str) -> tuple[str, int]:
    """`ADDRESS` or `ADDRESS:PORT`, an IPv6 address with a port in brackets."""
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        return host, int(port.lstrip(":") or 53)
    host, colon, port = text.partition(":")
    if colon and ":" not in port:
        return host, int(port)
    return text, 53
