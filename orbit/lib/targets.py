"""Addresses that tenants write: which of them we may talk to. One parser, when they are saved and when they are used.

It reads less than RFC 3986 on purpose. What other parsers disagree on is refused, so that nobody
downstream (resolver, TLS, the HTTP client) can take an address for another one than we checked.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from orbit.lib.exchange import NotAllowed

EXAMPLE = "such as https://api.openai.com/v1"
LISTED = "the operator may list its host:port in ORBIT_PRIVATE_TARGETS"

_ORIGIN = re.compile(r"((?i:https?))://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([1-9][0-9]{0,4}))?")
_PATH = re.compile(r"/[!-\"$-\[\]-~]*")  # printable ASCII without # and \
_DOTS = re.compile(r"/(?:\.|%2e){1,2}(?:[/?]|$)", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # a last label like it makes resolvers read an IPv4 address
_NAME_LENGTH = 253
# Names of local networks, and those that no resolver should be asked about (IANA's special-use names).
_LOCAL = frozenset({"localhost", "localdomain", "local", "internal", "arpa", "onion", "invalid"})

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Global by the letter, and not the open internet all the same.
_SPECIAL = tuple(
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",  # IETF protocol assignments
        "192.88.99.0/24",  # 6to4 relays
        "168.63.129.16/32",  # Azure's own services, seen from inside its machines
        "2001::/23",  # IETF protocol assignments, Teredo among them
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where an address leads, before any name is looked up. `host` is without brackets."""

    scheme: str
    host: str
    port: int
    listed: bool  # by the operator: may be private, and plain http
    literal: bool  # `host` is an IP address

    @property
    def origin(self) -> str:
        """How it is written; the scheme's own port is left out."""
        usual = 443 if self.scheme == "https" else 80
        return f"{self.scheme}://{bracketed(self.host)}" + ("" if self.port == usual else f":{self.port}")


def split(url: str) -> tuple[str, str]:
    """Origin, which is not looked at yet, and path with query. NotAllowed when the path is none."""
    start = url.find("/", 8)  # behind https://
    if start < 0:
        return url, "/"
    path = url[start:]
    if not _PATH.fullmatch(path):
        raise NotAllowed("must not hold blanks, a fragment or a backslash", EXAMPLE)
    if _DOTS.search(path):
        raise NotAllowed("must not hold . or .. as a part of its path", EXAMPLE)
    return url[:start], path


def parse_origin(origin: str, private_targets: Collection[str]) -> Target:
    """Who is meant by `https://host[:port]`. `private_targets` as `listed` gives them. NotAllowed for all else."""
    if "@" in origin:
        raise NotAllowed("must not hold a user name or password", "store it as the credential")
    found = _ORIGIN.fullmatch(origin)
    if found is None:
        raise NotAllowed("must read https://host/path", EXAMPLE)
    scheme, host = found[1].lower(), found[2].lower()
    port = int(found[3] or (443 if scheme == "https" else 80))
    if port > 65_535:
        raise NotAllowed(f"{port} is no port", EXAMPLE)
    host, address = _host(host)
    on_list = f"{bracketed(host)}:{port}" in private_targets
    if not on_list:
        _check_unlisted(scheme, host, address)
    return Target(scheme, host, port, on_list, address is not None)


def listed(entries: Iterable[str]) -> frozenset[str]:
    """The operator's `host:port`s in the one form that `parse_origin` compares with."""
    found = set()
    for entry in entries:
        host, _, port = entry.strip().lower().rpartition(":")
        try:
            host = bracketed(_host(host.rstrip("."))[0])
        except NotAllowed:
            continue  # nothing can be written that matches it
        found.add(f"{host}:{port}")
    return frozenset(found)


def is_public(text: str) -> bool:
    """Whether an address is on the open internet, also where IPv6 wraps IPv4."""
    if "%" in text:  # a zone: a link of this machine
        return False
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv4Address):
        return _is_public_v4(address)
    if address.ipv4_mapped is not None:
        return _is_public_v4(address.ipv4_mapped)
    if address in _NAT64:  # what DNS64 gives for a name that has IPv4 only
        return _is_public_v4(_last_32(address))
    # Other forms that wrap IPv4 (compatible, 6to4, Teredo, NAT64 of one's own) lie outside of this.
    if address not in _UNICAST or not address.is_global or any(address in one for one in _SPECIAL):
        return False
    isatap = (int(address) >> 32) & 0xFCFFFFFF == 0x5EFE
    return not isatap or _is_public_v4(_last_32(address))


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _host(host: str) -> tuple[str, Address | None]:
    """A host in its one form, and the address if it is one."""
    if host.startswith("["):
        try:
            address = ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            raise NotAllowed(f"{host[:80]} is no IPv6 address", EXAMPLE) from None
        return str(address), address
    if _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
        try:
            return host, ipaddress.IPv4Address(host)
        except ValueError:
            raise NotAllowed(f"{host[:80]!r} is no host name", "such as api.openai.com") from None
    if host.endswith("."):
        raise NotAllowed("must not end its host with a dot", f"write {host.rstrip('.')}")
    labels = host.split(".")
    if len(host) > _NAME_LENGTH or not all(_is_label(label) for label in labels):
        raise NotAllowed(f"{host[:80]!r} is no host name", "such as api.openai.com")
    return host, None


def _is_label(label: str) -> bool:
    if not _LABEL.fullmatch(label):
        return False
    if not label.startswith("xn--"):
        return True
    try:
        plain = label[4:].encode().decode("punycode")
        again = plain.encode("punycode").decode()
    except UnicodeError:
        return False
    # an encoded fullwidth digit or dot, say, would be a plain one to whoever decodes and normalizes it
    normal = unicodedata.normalize("NFKC", plain).lower() == plain
    letters = all(unicodedata.category(one)[0] in "LMN" or one in "-·" for one in plain)
    return normal and letters and not plain.isascii() and again == label[4:]


def _check_unlisted(scheme: str, host: str, address: Address | None) -> None:
    if scheme != "https":
        raise NotAllowed("must be https", f"or {LISTED}")
    if address is not None:
        private = not is_public(host)
    else:
        private = "." not in host or host.rpartition(".")[2] in _LOCAL
    if private:
        raise NotAllowed(f"{bracketed(host)} is a private address", LISTED)


def _is_public_v4(address: ipaddress.IPv4Address) -> bool:
    return address.is_global and not address.is_multicast and not any(address in one for one in _SPECIAL)


def _last_32(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
