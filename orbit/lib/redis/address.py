"""Where a store is, as REDIS_URL says it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

SCHEMES = {
    "redis": (False, False),
    "rediss": (True, False),
    "redis+cluster": (False, True),
    "rediss+cluster": (True, True),
}
FORM = (
    "REDIS_URL must read redis://user:password@host:port/0, or redis+cluster://user:password@host:port,host:port "
    "for a cluster, with rediss for TLS"
)
SERVER = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<name>[^\[\]:@/,\s]+))(?::(?P<port>\d{1,5}))?")


@dataclass(frozen=True, slots=True)
class Address:
    """`servers` are (host, port); more than one only for a cluster, of which they are where to begin."""

    servers: tuple[tuple[str, int], ...]
    username: str
    password: str
    database: int
    tls: bool
    cluster: bool

    @classmethod
    def parse(cls, url: str) -> Address:
        """ValueError, which names no password, when it does not read as FORM says."""
        parts = urlsplit(url)
        credentials, _, hosts = parts.netloc.rpartition("@")
        username, _, password = credentials.partition(":")
        tls, cluster = SCHEMES.get(parts.scheme, (False, False))
        servers = tuple(_server(one) for one in hosts.split(","))
        database = parts.path.strip("/") or "0"
        if parts.scheme not in SCHEMES or not database.isdigit():
            raise ValueError(FORM)
        if (len(servers) > 1 and not cluster) or (cluster and database != "0"):
            raise ValueError(FORM)
        return cls(servers, unquote(username), unquote(password), int(database), tls, cluster)


def _server(text: str) -> tuple[str, int]:
    found = SERVER.fullmatch(text)
    if found is None or not 0 < int(found["port"] or 6379) < 65536:
        raise ValueError(FORM)
    return found["six"] or found["name"], int(found["port"] or 6379)
