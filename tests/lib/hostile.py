"""Addresses that lead inside, written in every way that some parser or resolver falls for. Seeded."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

PUBLIC = ("93.184.216.34", "2606:4700:4700::1111")
PRIVATE_V4 = (
    "127.0.0.1", "127.0.0.2", "127.255.1.2", "10.0.0.5", "172.16.3.4", "192.168.1.1", "169.254.169.254", "169.254.170.2",
    "100.100.100.200", "0.0.0.0", "168.63.129.16", "192.0.0.192", "198.18.0.1", "192.0.2.7", "203.0.113.9",
    "224.0.0.1", "240.0.0.1", "255.255.255.255",
)  # fmt: skip
PRIVATE_V6 = (
    "::1", "::", "fe80::1", "fd00:ec2::254", "fec0::1", "ff02::1", "100::1", "2001:db8::1", "3fff::1", "5f00::1",
)  # fmt: skip
PORTS = ("", ":443", ":80", ":8443", ":6379", ":22", ":0443", ":+80", ":443:80", ":")
TAILS = ("", "/", "/v1", "/latest/meta-data/iam", "/v1?x=@api.openai.com")
LOCAL_NAMES = (
    "localhost", "LOCALHOST", "localhost.", "a.localhost", "localhost.localdomain", "metadata.google.internal",
    "metadata", "metadata.google.internal.", "kubernetes.default.svc.cluster.local", "redis", "router.home.arpa",
)  # fmt: skip
_FULL = str.maketrans("0123456789.", "０１２３４５６７８９．")
_CIRCLED = str.maketrans("123456789", "①②③④⑤⑥⑦⑧⑨")
_ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


def _parts(address: str) -> list[int]:
    return [int(part) for part in address.split(".")]


def _number(address: str) -> int:
    return int(ipaddress.IPv4Address(address))


def _words(address: str) -> str:
    return f"{_number(address) >> 16:x}:{_number(address) & 0xFFFF:x}"


# Each takes a private IPv4 address and writes it as the host of a URL.
FORMS: dict[str, Callable[[str], str]] = {
    "dotted": lambda a: a,
    "dot at the end": lambda a: f"{a}.",
    "decimal": lambda a: str(_number(a)),
    "octal": lambda a: f"0{_number(a):o}",
    "hexadecimal": lambda a: f"{_number(a):#x}",
    "hexadecimal in capitals": lambda a: f"0X{_number(a):X}",
    "overflowing": lambda a: str(_number(a) + 2**32),
    "octal parts": lambda a: ".".join(f"0{part:o}" for part in _parts(a)),
    "hexadecimal parts": lambda a: ".".join(f"{part:#x}" for part in _parts(a)),
    "leading zeros": lambda a: ".".join(f"{part:03}" for part in _parts(a)),
    "two parts": lambda a: f"{_parts(a)[0]}.{_number(a) & 0xFFFFFF}",
    "three parts": lambda a: f"{_parts(a)[0]}.{_parts(a)[1]}.{_number(a) & 0xFFFF}",
    "mixed parts": lambda a: f"{_parts(a)[0]:#x}.0{_parts(a)[1]:o}.{_number(a) & 0xFFFF}",
    "fullwidth": lambda a: a.translate(_FULL),
    "circled": lambda a: a.translate(_CIRCLED),
    "arabic": lambda a: a.translate(_ARABIC),
    "ideographic dots": lambda a: a.replace(".", "。"),
    "percent": lambda a: "".join(f"%{ord(one):02x}" for one in a),
    "percent dots": lambda a: a.replace(".", "%2e"),
    "mapped": lambda a: f"[::ffff:{a}]",
    "mapped in words": lambda a: f"[::ffff:{_words(a)}]",
    "mapped in full": lambda a: f"[0:0:0:0:0:FFFF:{_words(a).upper()}]",
    "compatible": lambda a: f"[::{a}]",
    "NAT64": lambda a: f"[64:ff9b::{_words(a)}]",
    "NAT64 of one's own": lambda a: f"[64:ff9b:1::{_words(a)}]",
    "6to4": lambda a: f"[2002:{_words(a)}::1]",
    "Teredo": lambda a: f"[2001:0:808:808::{(_number(a) ^ 0xFFFFFFFF) >> 16:x}:{(_number(a) ^ 0xFFFFFFFF) & 0xFFFF:x}]",
    "Teredo's server": lambda a: f"[2001:0:{_words(a)}::f7f7:f7f7]",
    "ISATAP": lambda a: f"[2606:4700::5efe:{_words(a)}]",
    "zone": lambda a: f"[::ffff:{a}%25lo]",
    "user": lambda a: f"api.openai.com@{a}",
    "user and password": lambda a: f"api.openai.com:443@{a}",
    "backslash": lambda a: f"{a}\\@api.openai.com",
    "backslash behind": lambda a: f"api.openai.com\\@{a}",
    "fragment": lambda a: f"{a}#@api.openai.com",
    "query": lambda a: f"{a}?@api.openai.com",
    "tab": lambda a: f"{a[:2]}\t{a[2:]}",
    "line break": lambda a: f"{a}\r\nx: y",
    "blank": lambda a: f" {a}",
    "zero width": lambda a: f"{a}\u200b",
    "soft hyphen": lambda a: f"{a[:1]}\u00ad{a[1:]}",
    "brackets": lambda a: f"[{a}]",
}  # fmt: skip
V6_FORMS: dict[str, Callable[[str], str]] = {
    "brackets": lambda a: f"[{a}]",
    "in full": lambda a: f"[{ipaddress.IPv6Address(a).exploded}]",
    "zone": lambda a: f"[{a}%25lo]",
    "raw zone": lambda a: f"[{a}%lo]",
    "bare": lambda a: a,
    "user": lambda a: f"api.openai.com@[{a}]",
}
SCHEMES = (
    "https://",
    "http://",
    "HTTPS://",
    "https:",
    "https:/",
    "https:\\\\",
    "//",
    "ftp://",
    "gopher://",
    "file://",
    "",
)


@dataclass(frozen=True)
class Hostile:
    """`answers`: what the name server says, lookup by lookup, the last for ever. None where no name is meant."""

    url: str
    kind: str
    answers: tuple[tuple[str, ...], ...] | None = None

    @property
    def host(self) -> str:
        return self.url.split("/")[2].partition(":")[0]


def written(count: int, seed: int) -> Iterator[Hostile]:
    """Addresses that say by themselves where they lead."""
    v4 = [(f"{kind}", make(a)) for (kind, make), a in product(FORMS.items(), PRIVATE_V4)]
    v6 = [(f"v6 {kind}", make(a)) for (kind, make), a in product(V6_FORMS.items(), PRIVATE_V6)]
    hosts = v4 + v6 + [("local name", name) for name in LOCAL_NAMES]
    chosen = random.Random(seed)
    for number in range(count):
        kind, host = hosts[number % len(hosts)]  # each at least once
        scheme = SCHEMES[0] if number < len(hosts) else chosen.choice(SCHEMES)
        port = "" if number < len(hosts) else chosen.choice(PORTS)
        yield Hostile(f"{scheme}{host}{port}{chosen.choice(TAILS)}", kind)


def named(count: int, seed: int) -> Iterator[Hostile]:
    """Innocent names whose name server is not."""
    chosen = random.Random(seed)
    wraps = ("::ffff:{}", "64:ff9b::{}", "::{}")
    for number in range(count):
        inside = chosen.choice(PRIVATE_V4 + PRIVATE_V6)
        wrapped = chosen.choice(wraps).format(chosen.choice(PRIVATE_V4))
        scripts = {
            "private": ((inside,),),
            "wrapped": ((wrapped,),),
            "public and private": ((*PUBLIC, inside),),
            "private and public": ((inside, *PUBLIC),),
            "public A, private AAAA": ((PUBLIC[0], chosen.choice(PRIVATE_V6)),),
            "public, then private": (PUBLIC[:1], (inside,)),
            "public, then wrapped": (PUBLIC[1:], (wrapped,)),
            "public twice, then private": (PUBLIC[:1], PUBLIC[:1], (inside,)),
        }
        kind = list(scripts)[number % len(scripts)]
        name = f"n{number}-{chosen.getrandbits(32):08x}.example.com"
        port = chosen.choice(("", ":443", ":8443", ":6379"))
        yield Hostile(f"https://{name}{port}{chosen.choice(TAILS)}", kind, scripts[kind])


def redirects(count: int, seed: int) -> Iterator[tuple[int, str, Hostile]]:
    """A status, a header, and where that header points."""
    headers = [("location", status) for status in (301, 302, 303, 307, 308)]
    headers += [("refresh", 200), ("alt-svc", 200), ("location", 201), ("location", 200)]
    targets = [one for one in written(4 * count, seed) if one.url.isascii() and one.url.isprintable()]
    plain = [Hostile(f"http://{address}/latest", "dotted") for address in PRIVATE_V4]
    chosen = random.Random(seed)
    for number in range(count):
        name, status = headers[number % len(headers)]
        yield status, name, chosen.choice(plain if number % 2 else targets)
