"""Addresses of people and machines on a network."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from dlp.detectors import letters, words
from dlp.detectors.placeholding import is_placeholder
from dlp.detectors.rule import Edge, Hit, Rule
from dlp.kinds import Kind

_SIGN = f"0-9{letters.ANY}"
_EMAIL = rf"[{_SIGN}_][{_SIGN}._%+'-]*@(?:[{_SIGN}](?:[{_SIGN}-]*[{_SIGN}])?\.)+(?:xn--[a-z0-9-]+|[{letters.ANY}]{{2}}[{letters.LETTER}]*)"
_OBFUSCATED = r"(?i)\b[a-z0-9][a-z0-9._-]+ ?(?:\[at\]|\(at\)|\{at\}) ?[a-z0-9-]+(?: ?(?:\[dot\]|\(dot\)|\.) ?[a-z]{2,12})+\b"
_IPV4 = r"\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b"
_IPV6 = r"(?i)(?:[0-9a-f]{1,4}:|::)(?:[0-9a-f]{0,4}:)*(?:[0-9a-f]{1,4}|(?:\d{1,3}\.){3}\d{1,3}|:)"
_MAC = r"(?i)\b(?:[0-9a-f]{2}(?::[0-9a-f]{2}){5}|[0-9a-f]{2}(?:-[0-9a-f]{2}){5}|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4})\b"
_URL = r"\b[a-zA-Z][a-zA-Z0-9+.-]*://([^\s:/@\"'<>]*:[^\s/@\"'<>]+)@[^\s@]"
_VERSION = re.compile(
    r"(?:\b(?:version|versione|versi[oó]n|versão|versie|wersj[aię]|release|build|firmware|v|ver\.?|section|chapter)|§|バージョン|版本|верси[ия])\W{0,3}$",
    re.I,
)


def rules() -> list[Rule]:
    return [
        Rule("email", Kind.EMAIL, _EMAIL, 0.95, judge=_is_email, edge=Edge.NONE, cue=r"[^\s@]@[^\s@]"),
        Rule("email.spelt", Kind.EMAIL, _OBFUSCATED, 0.85, cue=r"(?i)[\[({]at[\])}]"),
        Rule("ip.v4", Kind.IP, _IPV4, 0.8, 0.9, words.IP, check=_is_ipv4, judge=_is_no_version, edge=Edge.NUMBER, cue=r"\d\.\d{1,3}\.\d{1,3}\.\d"),
        Rule("ip.v6", Kind.IP, _IPV6, 0.8, check=_is_ipv6, judge=_is_whole_ipv6, cue=r"(?i)[0-9a-f]:[0-9a-f]*:|::"),
        Rule("mac", Kind.MAC, _MAC, 0.9, check=lambda value: len(set(value)) > 3, cue=r"(?i)[0-9a-f]{2}[:-][0-9a-f]{2}[:-][0-9a-f]{2}[:-]|[0-9a-f]{4}\.[0-9a-f]{4}\."),
        Rule("url.credentials", Kind.URL_CREDENTIALS, _URL, 0.97, judge=_is_pair, edge=Edge.NONE, cue=r"://[^\s/@]*@"),
    ]  # fmt: skip


def _is_email(hit: Hit) -> bool:
    """No part of a URL's credentials, whose end looks the same, no `git@host:path`, no picture's name such as icon@2x.png."""
    name, _, host = hit.value.rpartition("@")
    if len(name) > 64 or len(host) > 253 or ".." in name:
        return False
    if host.lower().endswith((".png", ".jpg", ".jpeg", ".svg", ".webp", ".gif")):
        return False
    return not (name == "git" and hit.after.startswith((":", "/")))


def _is_ipv4(value: str) -> bool:
    try:
        address = IPv4Address(value)
    except AddressValueError:
        return False
    return not (address.is_loopback or address.is_unspecified or address.is_multicast or value.startswith(("0.", "255.")) or value.endswith(".0"))  # fmt: skip


def _is_no_version(hit: Hit) -> bool:
    if hit.after.startswith(("/", "-")) and not re.match(r"/\d", hit.after):
        return not _VERSION.search(hit.before)
    small = all(int(part) < 20 for part in hit.value.split("."))
    return not _VERSION.search(hit.before) and (not small or bool(hit.context) or hit.value.startswith("10."))


def _is_ipv6(value: str) -> bool:
    if value.count(":") < 2 or not any(sign.isalnum() for sign in value):
        return False
    try:
        address = IPv6Address(value)
    except AddressValueError:
        return False
    return not (address.is_loopback or address.is_unspecified or address.is_multicast)


def _is_whole_ipv6(hit: Hit) -> bool:
    """Words of code have double colons too: std::dec, a::b."""
    if hit.before.endswith((":", ".")) or hit.after.startswith(":"):
        return False
    return hit.value.count(":") >= 3 or any(sign.isdigit() for sign in hit.value)


def _is_pair(hit: Hit) -> bool:
    user, _, password = hit.value.partition(":")
    return not is_placeholder(password) and not (user and is_placeholder(user) and len(password) < 4)
