"""What each kind of rule finds, and what looks like it and is left alone."""

from __future__ import annotations

import pytest

from dlp.detectors import national
from dlp.detectors.scan import Detector
from dlp.kinds import Kind

FOUND = [
    (Kind.EMAIL, "Write to anna.müller+x@exämple.de, please", "anna.müller+x@exämple.de"),
    (Kind.EMAIL, "anna [at] example [dot] org", "anna [at] example [dot] org"),
    (Kind.PHONE, "reach me under +49 30 901820 tomorrow", "+49 30 901820"),
    (Kind.PHONE, "Tel.: 030/901820", "030/901820"),
    (Kind.PHONE, "電話：０９０－１２３４－５６７８", "０９０－１２３４－５６７８"),
    (Kind.IBAN, "to DE89 3704 0044 0532 0130 00 from FR76 3000 6000 0112 3456 7890 189", "DE89 3704 0044 0532 0130 00"),
    (Kind.IBAN, "ES9121000418450200051332 then some words", "ES9121000418450200051332"),
    (Kind.CARD, "paid with 4111-1111-1111-1111.", "4111-1111-1111-1111"),
    (Kind.CARD, "Amex 378282246310005", "378282246310005"),
    (Kind.NATIONAL_ID, "Her SSN is 536-22-8765", "536-22-8765"),
    (Kind.NATIONAL_ID, "Meine Steuer-ID: 36 574 261 809", "36 574 261 809"),
    (Kind.NATIONAL_ID, "n° de sécurité sociale 2 95 10 99 126 111 93", "2 95 10 99 126 111 93"),
    (Kind.NATIONAL_ID, "身份证号11010519491231002X", "11010519491231002X"),
    (Kind.PASSPORT, "Reisepass Nr. C01X00T47", "C01X00T47"),
    (Kind.BANK_ACCOUNT, "account number: 000123456789", "000123456789"),
    (Kind.BIRTH, "née le 12 mars 1984 à Lyon", "12 mars 1984"),
    (Kind.BIRTH, "生年月日：1984年3月12日", "1984年3月12日"),
    (Kind.IP, "client 84.12.33.201 - - GET", "84.12.33.201"),
    (Kind.IP, "from 2001:db8:85a3::8a2e:370:7334 port 22", "2001:db8:85a3::8a2e:370:7334"),
    (Kind.MAC, "lladdr 00:1b:44:11:3a:b7 REACHABLE", "00:1b:44:11:3a:b7"),
    (Kind.MEDICAL, "MRN: 00483921", "00483921"),
    (Kind.ADDRESS, "wohnt Berliner Straße 12, 10115 Berlin.", "Berliner Straße 12, 10115 Berlin"),
    (Kind.PERSON, '{"full_name": "Anna Schmidt"}', "Anna Schmidt"),
    (Kind.URL_CREDENTIALS, "postgres://app:s3cr3t!Pw@db:5432/x", "app:s3cr3t!Pw"),
]  # fmt: skip

SECRETS = [
    "AKIAQ4WZ7TN2MB6KXLRD",
    "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
    "sk-ant-api03-" + "Zq8Wx7Ev6Rb5Tn4Ym3Uk2Il1Op0",
    "glpat-" + "x9Kd82mQpL4vTzWb7RnY",
    "xoxb-" + "290139847561-jd8KsleW92ncXqA",
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTYifQ.dGVzdHNpZ25hdHVyZTEyMw",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAx\nq8Wx7Ev6Rb5Tn4\n-----END RSA PRIVATE KEY-----",
]
ASSIGNED = [
    ('password = "hunter2!x"', "hunter2!x"),
    ("Das Passwort lautet Sommer#2024.", "Sommer#2024"),
    ("пароль: Qw7!zRt9", "Qw7!zRt9"),
    ("API_KEY=9f8Kd82mQpL4vTzWb7RnYx31", "9f8Kd82mQpL4vTzWb7RnYx31"),
    ("Authorization: Bearer 9f8Kd82mQpL4vTzWb7RnYx31", "9f8Kd82mQpL4vTzWb7RnYx31"),
]
LEFT_ALONE = [
    "password = os.environ['DB_PASSWORD']",
    "password: <your password>",
    "api_key = ${API_KEY}",
    "export TOKEN=changeme",
    "https://user:${PASSWORD}@example.com/",
    "AKIAIOSFODNN7EXAMPLE",
    "card 4111 1111 1111 1112",
    "DE89 3704 0044 0532 0130 01",
    "version 10.4.2.1 of the firmware",
    "order 536228765 left the shop on 2024-03-12 at 12:30:55",
    "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
    "id 550e8400-e29b-41d4-a716-446655440000",
    "logo@2x.png and git@github.com:orbit/gateway.git",
    "std::vec::Vec and a::b::c",
    "The meeting is on 12 March 2024 in room 401.",
    "0.4111111111111111, 1.5500005555555559",
]


@pytest.mark.parametrize(("kind", "text", "value"), FOUND, ids=lambda one: str(one)[:30])
def test_found_with_its_kind_and_exact_place(detector: Detector, kind: Kind, text: str, value: str) -> None:
    found = [(one.kind, one.value(text)) for one in detector.scan(text).findings]
    assert (kind, value) in found


@pytest.mark.parametrize("secret", SECRETS, ids=lambda secret: secret[:12])
def test_secret_of_a_known_format_is_found_whole(detector: Detector, secret: str) -> None:
    text = f"use this: {secret} thanks"
    assert [one.value(text) for one in detector.scan(text).findings if one.kind == Kind.SECRET] == [secret]


@pytest.mark.parametrize(("text", "secret"), ASSIGNED, ids=lambda one: one[:20])
def test_assigned_secret_is_found_without_its_name(detector: Detector, text: str, secret: str) -> None:
    assert [one.value(text) for one in detector.scan(text).findings] == [secret]


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_what_only_looks_like_it_is_left_alone(detector: Detector, text: str) -> None:
    assert detector.scan(text).findings == ()


def test_national_numbers_of_at_least_25_countries() -> None:
    assert len(national.countries()) >= 25


def test_digits_alone_want_a_word_beside_them(detector: Detector) -> None:
    assert detector.scan("ref 536228765").findings == ()
    assert [one.kind for one in detector.scan("social security number 536228765").findings] == [
        Kind.NATIONAL_ID
    ]
    assert [one.kind for one in detector.scan("536228765", label="ssn").findings] == [Kind.NATIONAL_ID]


def test_word_of_another_value_does_not_count(detector: Detector) -> None:
    found = detector.scan("SSN 536-22-8765, order 536228764").findings
    assert len(found) == 1


def test_header_of_a_table_counts_for_each_cell(detector: Detector) -> None:
    text = "order,ssn,placed\n536228765,536228765,2024-01-02\n219099998,212345678,2024-01-03\n"
    found = detector.scan(text).findings
    assert [one.value(text) for one in found] == ["536228765", "212345678"]
    assert found[0].start == text.index(",536228765") + 1


def test_name_in_a_table_is_found_by_its_header(detector: Detector) -> None:
    text = "| Name | Team |\n|---|---|\n| Anna Schmidt | Red |\n| Max Weber | Blue |\n"
    assert [one.value(text) for one in detector.scan(text).findings] == ["Anna Schmidt", "Max Weber"]


def test_places_count_characters_whatever_stands_before(detector: Detector) -> None:
    text = "🙂 ünïcödé 漢字 \ud800 " * 40 + "anna@example.org"
    (found,) = detector.scan(text).findings
    assert found.value(text) == "anna@example.org"


def test_nothing_is_looked_for_inside_base64(detector: Detector) -> None:
    blob = "iVBORw0KGgoAAAANSUhEUgAA" * 20 + "/4111111111111111/" + "AAAAB3NzaC1yc2EAAAADAQAB" * 20
    assert detector.scan(f"data:image/png;base64,{blob}").findings == ()
