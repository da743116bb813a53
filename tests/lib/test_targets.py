"""Which addresses of tenants we may talk to, before and after a name is looked up."""

from __future__ import annotations

import pytest

from orbit.lib.exchange import NotAllowed
from orbit.lib.targets import is_public, listed, parse_origin, split


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.100.100.200", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "240.0.0.1", "198.18.0.1", "192.0.2.1", "192.0.0.9", "192.88.99.1",
        "168.63.129.16", "::1", "::", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "8.8.8.8%1", "fec0::1", "ff02::1",
        "::ffff:10.0.0.1", "::10.0.0.1", "::8.8.8.8", "64:ff9b::a00:1", "64:ff9b:1::808:808", "2002:a00:1::",
        "2002:808:808::", "2001:0:808:808::f5ff:fffe", "2001:db8::1", "3fff::1", "5f00::1", "100::1",
        "2606:4700::5efe:10.0.0.1", "2606:4700::200:5efe:10.0.0.1",
    ],
)  # fmt: skip
def test_private_and_special_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "8.8.8.8",
        "2606:4700:4700::1111",
        "::ffff:1.1.1.1",
        "64:ff9b::101:101",
        "2606:4700::5efe:1.1.1.1",
    ],
)
def test_public_addresses_are(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example", "https://", "https:///x", "http://api.example.com/v1", "https://user@api.example.com",
        "https://@api.example.com", "file:///etc/passwd", "//x", "https:/api.example.com", "https:api.example.com",
        "https://api.example.com:", "https://api.example.com:0/", "https://api.example.com:0443/",
        "https://api.example.com:65536/", "https://api.example.com:+443/", "https://api.example.com:443:443/",
        "https://api.example.com:\u0664\u0664\u0663/", "https://api.example.com\\@10.0.0.1/",
        "https://api.example.com#@10.0.0.1/", "https://api.example.com?@10.0.0.1/", "https://api.exam ple.com/",
        "https://api.exam\tple.com/", " https://api.example.com/", "https://api.example.com/\n",
        "https://api.example.com/a b", "https://api.example.com/a#b", "https://api.example.com/a\\b",
        "https://api.example.com/../admin", "https://api.example.com/v1/..", "https://api.example.com/v1/%2E./x",
        "https://api%2eexample.com/", "https://%61pi.example.com/", "https://api.example.com./",
        "https://api..example.com/", "https://.example.com/", "https://-a.example.com/", "https://a-.example.com/",
        "https://" + "a" * 64 + ".example.com/", "https://" + "a." * 126 + "com/", "https://bücher.example/",
        "https://api\u3002example\u3002com/", "https://\uff11\uff12\uff17.0.0.1/", "https://xn--.example.com/",
        "https://xn--a.example.com/", "https://xn--zzzzzzzzzz999.example.com/", "https://intranet/",
        "https://a.localhost/", "https://metadata.google.internal/", "https://2130706433/", "https://0x7f.1/",
        "https://127.1/", "https://0177.0.0.1/", "https://127.0.0.1./", "https://8.8.8.8.0x1/", "https://[::1]/",
        "https://[::1%25lo]/", "https://[fe80::1%eth0]/", "https://[v1.a]/", "https://[8.8.8.8]/", "https://[::1/",
        "https://::1/",
    ],
)  # fmt: skip
def test_other_forms_of_address_are_refused(url: str) -> None:
    with pytest.raises(NotAllowed):
        parse_origin(split(url)[0], ())


@pytest.mark.parametrize(
    ("url", "origin", "path"),
    [
        ("https://api.example.com/v1", "https://api.example.com", "/v1"),
        ("HTTPS://API.Example.com:443", "https://api.example.com", "/"),
        ("https://api.example.com:8443/a?b=c&d=../e", "https://api.example.com:8443", "/a?b=c&d=../e"),
        ("https://xn--bcher-kva.example/v1", "https://xn--bcher-kva.example", "/v1"),
        ("https://xn--strae-oqa.example/v1", "https://xn--strae-oqa.example", "/v1"),
        ("https://my_account.example.com/", "https://my_account.example.com", "/"),
        ("https://[2606:4700:0::1111]:8443/", "https://[2606:4700::1111]:8443", "/"),
        ("https://api.example.com/models/a..b/v1.", "https://api.example.com", "/models/a..b/v1."),
    ],
)
def test_plain_addresses_are_read(url: str, origin: str, path: str) -> None:
    written, rest = split(url)
    assert (parse_origin(written, ()).origin, rest) == (origin, path)


def test_what_the_operator_listed_may_be_private_and_http() -> None:
    targets = listed(["vLLM:8000", "LocalHost.:9", "[0:0::1]:9000", "10.0.0.5:80", "odd", "a b:1", "::1:9"])
    for url in (
        "http://vllm:8000",
        "http://localhost:9",
        "http://[::1]:9000",
        "http://10.0.0.5",
        "https://vllm:8000",
    ):
        assert parse_origin(url, targets).listed
    for url in ("http://vllm:8001", "http://10.0.0.5:8000", "https://10.0.0.5", "http://[::2]:9000"):
        with pytest.raises(NotAllowed):
            parse_origin(url, targets)


def test_listed_hosts_are_written_as_strictly_as_others() -> None:
    for url in (
        "http://localhost.:9",
        "http://user@localhost:9",
        "http://localhost:09",
        "http://2130706433:9",
    ):
        with pytest.raises(NotAllowed):
            parse_origin(url, listed(["localhost:9", "127.0.0.1:9"]))
