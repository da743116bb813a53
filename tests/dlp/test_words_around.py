"""Words in front of a value and behind it, countries and lines: what makes a number a telephone number or a day a birthday."""

from __future__ import annotations

import pytest

from dlp.detectors.scan import Detector


def found(detector: Detector, text: str) -> list[tuple[str, str]]:
    return [(one.kind, one.value(text)) for one in detector.scan(text).findings]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Mobile: 0171 2345678\nDesk: 450 39 173\n", "450 39 173"),
        ("Office (Oslo): 450 39 173", "450 39 173"),
        ("Büro: 7586 321", "7586 321"),
        ("Oficina: 641 572 459", "641 572 459"),
        ("Her new number is 450 3756.", "450 3756"),
        ("Meine Nummer lautet 0171 2345678", "0171 2345678"),
        ("Mon numéro est 01 23 45 67 89", "01 23 45 67 89"),
        ("Ann Lee\n\n606 972 932 Office\n606 972 933 Fax\n", "606 972 932"),
        ("450 3756 is my phone number", "450 3756"),
        ("Calle Mayor 5, Madrid, Spain\n641 572 459\n", "641 572 459"),
        ("I am in Denmark, 28-64-27-85, all day", "28-64-27-85"),
        ("Write to (029) 2519-333.", "(029) 2519-333"),
        ("It is 0478 34 30 08, he said.", "0478 34 30 08"),
        ("It is 077 5138 5842, he said.", "077 5138 5842"),
        ("Tel: 02.123.45.67", "02.123.45.67"),
        ("tel 031.123.45.67", "031.123.45.67"),
        ("mobile 079.456.78.90", "079.456.78.90"),
        ("Téléphone : 044.668.18.00", "044.668.18.00"),
        ("Call me 02.12.34.56", "02.12.34.56"),
        ("Tel. 22.33.44.55", "22.33.44.55"),
        ("Telefon: 31.22.33.44", "31.22.33.44"),
        ("Tél : 22.33.44.55", "22.33.44.55"),
    ],
)
def test_telephone_number_is_known_by_what_stands_around(detector: Detector, text: str, value: str) -> None:
    assert ("PHONE_NUMBER", value) in found(detector, text)


@pytest.mark.parametrize(
    "text",
    [
        "In Germany 2019 2020 2021 were dry years.",
        "Norway paid 450 39 173 kr for it.",
        "Spain has 641 572 459 EUR left.",
        "Sweden\n2019 2020\n",
        "The office has 450 39 173 chairs.",
        "Office: version 4.17.5.16",
        "Phone 4.17.5.16 is out",
        "Call home from 22.33.44.55",
        "Phone: 192.168.10.20",
        "Phone: 10.0.0.1",
        "At home 12 34 56 were drawn.",
        "3 600 000 is the total",
        "12.03.2024 Office\n",
    ],
)
def test_numbers_that_are_none_stay(detector: Detector, text: str) -> None:
    assert not [one for one in found(detector, text) if one[0] == "PHONE_NUMBER"]


def test_what_a_sentence_says_a_day_is_counts_behind_it_too(detector: Detector) -> None:
    assert found(detector, "12/03/1984 is her birthday") == [("DATE_OF_BIRTH", "12/03/1984")]
    assert found(detector, "12/03/1984 is her first day") == []


@pytest.mark.parametrize(
    "address",
    [
        "791 Tycos Dr, Toronto, M5T 1T4, Canada",
        "ul. Kładki 82, Gdańsk, 80-822, Poland",
        "Uus 6, Uulu, 86502, Estonia",
        "R Tapada Marinha 70, Matosinhos, 4450-265, Portugal",
        "365 Democracia, Salto, 50000, Uruguay",
    ],
)
def test_address_is_found_to_its_country(detector: Detector, address: str) -> None:
    assert found(detector, f"Send it to {address} today") == [("ADDRESS", address)]


@pytest.mark.parametrize(
    "address", ["Main 12, London, SW1A 1AA, England", "12 Main Street, London, SW1A 1AA, England"]
)
def test_address_ends_with_its_sentence(detector: Detector, address: str) -> None:
    assert found(detector, f"We live at {address}. May 12, London") == [("ADDRESS", address)]


def test_numbers_and_names_in_lists_are_no_address(detector: Detector) -> None:
    for text in ("On May 12, Monday, 2024, Paris slept.", "See Figure 2, Appendix, 12 pages, Annex B."):
        assert found(detector, text) == []
