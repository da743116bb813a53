"""Secrets in the shapes of their vendors, drawn and so nobody's.

A shape is cut by `~`, so that no scanner takes this file for a leak; `[w24]` stands for 24 letters of an alphabet.
"""

from __future__ import annotations

import base64
import json
import random
import re
import string
import zlib
from typing import Any

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ALPHABETS = {
    "d": string.digits,
    "h": "0123456789abcdef",
    "l": string.ascii_lowercase + string.digits,
    "u": string.ascii_uppercase + string.digits,
    "t": string.ascii_uppercase + "234567",
    "w": _BASE62,
    "b": _BASE62 + "-_",
    "s": _BASE62 + "+/",
}
_RUN = re.compile(r"\[([a-z])(\d+)\]")
_SHAPES = {
    "anthropic": "sk~-ant~-api03-[b93]AA",
    "aws": "AK~IA[t16]",
    "aws_secret": "[s40]",
    "azure": "[s86]==",
    "databricks": "da~pi[h32]",
    "digitalocean": "do~p_v1~_[h64]",
    "docker": "dc~kr_p~at_[b27]",
    "gitlab": "gl~pat-[b20]",
    "google": "AI~za[b35]",
    "grafana": "gl~sa_[w32]_[h8]",
    "groq": "gs~k_[w52]",
    "hex": "[h32]",
    "huggingface": "h~f_[w34]",
    "linear": "lin~_api~_[w40]",
    "newrelic": "NR~AK-[u27]",
    "notion": "nt~n_[d11][w35]",
    "npm": "np~m_[w36]",
    "openai": "sk~-proj~-[b74]T3Bl~bkFJ[b74]",
    "pat": "github~_pat~_[w22]_[w59]",
    "postman": "PM~AK-[h24]-[h34]",
    "pypi": "py~pi-AgEI~cHlwaS5vcmc[b150]",
    "sendgrid": "S~G.[b22].[b43]",
    "shopify": "sh~pat_[h32]",
    "slack": "xo~xb-[d12]-[d13]-[w24]",
    "stripe": "sk~_li~ve_[w24]",
    "telegram": "[d10]:AA[b33]",
    "token": "[w40]",
    "vault": "hv~s.[w95]",
    "webhook": "https://hooks.sl~ack.com/services/T[u10]/B[u10]/[w24]",
}
_VENDORS = (
    "anthropic", "aws", "databricks", "digitalocean", "docker", "gitlab", "google", "grafana", "groq", "huggingface", "linear",
    "newrelic", "notion", "npm", "openai", "pat", "postman", "pypi", "sendgrid", "shopify", "slack", "stripe", "telegram", "vault",
)  # fmt: skip
_ARMOURS = ("RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY")


def secret(name: str, words: tuple[str, ...], drawn: random.Random) -> str:
    """Of a vendor, `github`, `jwt`, `pem`, `pem_escaped`, `password`, or of any vendor for an empty name."""
    match name:
        case "password":
            return password(words, drawn)
        case "jwt":
            return _jwt(drawn)
        case "pem":
            return _pem(drawn, "\n")
        case "pem_escaped":
            return _pem(drawn, "\\n")
        case "github":
            return _github(drawn)
        case _:
            return run(_SHAPES[name or drawn.choice(_VENDORS)], drawn)


def run(shape: str, drawn: random.Random) -> str:
    return _RUN.sub(lambda found: _letters(found[1], int(found[2]), drawn), shape.replace("~", ""))


def password(words: tuple[str, ...], drawn: random.Random) -> str:
    """As people choose them, or as their managers do. Without quotes, backslashes and spaces."""
    if drawn.random() < 0.4:
        return "".join(drawn.choice(_BASE62 + "!#$%*+-=?_") for _ in range(drawn.randrange(12, 21)))
    first, second = drawn.sample(words, 2)
    year, sign = drawn.randrange(1975, 2027), drawn.choice("!?#$*")
    return drawn.choice((f"{first.title()}{year}{sign}", f"{first}-{second}-{year % 100}", f"{first.title()}{second.title()}{year % 100}{sign}"))  # fmt: skip


def _letters(alphabet: str, count: int, drawn: random.Random) -> str:
    return "".join(drawn.choice(_ALPHABETS[alphabet]) for _ in range(count))


def _github(drawn: random.Random) -> str:
    """The last six letters are a checksum of those before."""
    body, check = _letters("w", 30, drawn), ""
    rest = zlib.crc32(body.encode())
    for _ in range(6):
        rest, one = divmod(rest, 62)
        check = _BASE62[one] + check
    return run(drawn.choice(("gh~p_", "gh~o_", "gh~s_")), drawn) + body + check


def _jwt(drawn: random.Random) -> str:
    issued = drawn.randrange(1_690_000_000, 1_780_000_000)
    head = {"alg": drawn.choice(("HS256", "RS256")), "typ": "JWT"}
    claims = {
        "sub": _letters("d", 8, drawn),
        "iat": issued,
        "exp": issued + 3600,
        "jti": _letters("h", 16, drawn),
    }
    signature = _letters("b", 43 if head["alg"] == "HS256" else 342, drawn)
    return f"{_encoded(head)}.{_encoded(claims)}.{signature}"


def _encoded(part: dict[str, Any]) -> str:
    text = json.dumps(part, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _pem(drawn: random.Random, newline: str) -> str:
    name = drawn.choice(_ARMOURS)
    dashes = "-" * 5
    lines = [
        "MIIE" + _letters("s", 60, drawn),
        *(_letters("s", 64, drawn) for _ in range(drawn.randrange(5, 25))),
    ]
    last = _letters("s", drawn.randrange(20, 60), drawn) + "=="
    return newline.join([f"{dashes}BEGIN {name}{dashes}", *lines, last, f"{dashes}END {name}{dashes}"])
