"""Domains are verified by a record that a real name server gives, and in one organization."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import dns.rcode
import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.models import OutboxEntry
from orbit.lib import access
from orbit.lib.errors import InputError
from tenants import name_records, services
from tenants.checks import name_servers_are_addresses
from tenants.models import Domain, Organization
from tests.name_server import NameServer, running_name_server


@pytest.fixture
def names(settings: Any) -> Iterator[NameServer]:
    with running_name_server() as server:
        settings.ORBIT_DNS_SERVERS = [server.address]
        yield server


@pytest.fixture
def name() -> str:
    return f"d-{secrets.token_hex(6)}.example"


def add(organization: Organization, name: str) -> Domain:
    return services.add_domain(organization_id=organization.id, name=name, actor="test").row


def verify(organization: Organization, domain: Domain) -> Domain:
    return services.verify_domain(organization_id=organization.id, domain_id=domain.pk, actor="test")


def place(names: NameServer, domain: Domain) -> None:
    record, value = services.record_of(domain)
    names.records.setdefault(record, []).append(value)


def test_record_verifies_the_domain(organization: Organization, names: NameServer, name: str) -> None:
    domain = add(organization, name)
    names.records[f"_orbit-challenge.{name}"] = ["v=spf1 -all"]
    place(names, domain)
    assert verify(organization, domain).verified_at is not None
    asked = len(names.asked)
    verify(organization, domain)
    assert len(names.asked) == asked
    with access.scope(organization_id=organization.id):
        acts = [entry.event["detail"] for entry in OutboxEntry.objects.order_by("id")]
    assert [(one["action"], one["target"]) for one in acts][-2:] == [
        ("domain.add", name),
        ("domain.verify", name),
    ]


def test_what_is_there_instead_is_said(organization: Organization, names: NameServer, name: str) -> None:
    domain = add(organization, name)
    record, value = services.record_of(domain)
    with pytest.raises(InputError, match="no TXT record at _orbit-challenge"):
        verify(organization, domain)
    names.records[record] = [value[:-1], f"{value}0", value.upper()]
    with pytest.raises(InputError, match="3 other TXT records"):
        verify(organization, domain)
    names.rcode = dns.rcode.SERVFAIL
    with pytest.raises(InputError, match="no name server answered"):
        verify(organization, domain)
    names.rcode = dns.rcode.NOERROR
    names.records = {name: [value]}  # at the domain itself, not at the label
    with pytest.raises(InputError, match="no TXT record"):
        verify(organization, domain)
    with access.scope(organization_id=organization.id):
        assert Domain.objects.get().verified_at is None


def test_domain_belongs_to_one_organization(
    organization: Organization, other: Organization, names: NameServer, name: str
) -> None:
    """Both may claim it; the second one to show it is turned away, until the first one lets go."""
    first, second = add(organization, name), add(other, name)
    assert first.token != second.token
    place(names, first)
    with pytest.raises(InputError, match="1 other TXT records"):
        verify(other, second)
    verify(organization, first)
    place(names, second)
    with pytest.raises(InputError, match="another organization has verified it"):
        verify(other, second)
    with access.scope(organization_id=other.id), pytest.raises(IntegrityError), transaction.atomic():
        Domain.objects.update(verified_at=timezone.now())
    services.remove_domain(organization_id=organization.id, domain_id=first.pk, actor="test")
    assert verify(other, second).verified_at is not None


def test_domain_of_another_organization_is_not_there(
    organization: Organization, other: Organization, names: NameServer, name: str
) -> None:
    domain = add(other, name)
    for service in (services.verify_domain, services.remove_domain):
        with pytest.raises(InputError, match="no such domain"):
            service(organization_id=organization.id, domain_id=domain.pk, actor="test")
    assert names.asked == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example",
        "192.0.2.1",
        "a_b.example",
        "*.example.com",
        "exa mple.com",
        "a..com",
        "x" * 240 + ".com",
        "com.",
    ],
)
def test_what_is_no_domain_is_refused(organization: Organization, text: str) -> None:
    with pytest.raises(InputError, match="is no domain name"):
        add(organization, text)


def test_names_are_kept_in_one_form(organization: Organization) -> None:
    assert add(organization, " @Example.COM. ").name == "example.com"
    assert add(organization, "bücher.example").name == "xn--bcher-kva.example"
    assert not services.add_domain(organization_id=organization.id, name="example.com", actor="test").created


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("192.0.2.1:5353", ("192.0.2.1", 5353)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("[2001:db8::1]:5353", ("2001:db8::1", 5353)),
    ],
)
def test_servers_are_written_as_addresses_with_or_without_a_port(text: str, server: tuple[str, int]) -> None:
    assert name_records.server_of(text) == server


def test_servers_that_are_no_addresses_stop_the_start(settings: Any) -> None:
    settings.ORBIT_DNS_SERVERS = ["192.0.2.1", "dns.example.com", "192.0.2.1:0", "192.0.2.1:x", "[::1]:53"]
    found = [str(one.msg) for one in name_servers_are_addresses()]
    assert [text for text in settings.ORBIT_DNS_SERVERS if f"{text!r}." in " ".join(found)] == [
        "dns.example.com",
        "192.0.2.1:0",
        "192.0.2.1:x",
    ]
