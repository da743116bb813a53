"""The set that is opened once, at the end. Nothing here asks the rules about it."""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Callable
from itertools import pairwise

import pytest
from stdnum import iban, luhn
from stdnum.be import nn
from stdnum.br import cpf
from stdnum.ca import sin
from stdnum.ch import ssn
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.pl import pesel
from stdnum.pt import cc, nif
from stdnum.se import personnummer
from stdnum.us import ssn as us_ssn

from bench.dlp.__main__ import _sets
from bench.dlp.documents import Document
from bench.dlp.heldout.cast import cast
from bench.dlp.heldout.documents import LANGUAGES, documents
from bench.dlp.heldout.identities import identity
from bench.dlp.heldout.language import Language
from bench.dlp.heldout.slots import filled

FORMS = {"ticket", "mail", "chat", "code", "json", "log", "table", "medical", "hr"}
KINDS = {
    "ADDRESS", "BANK_ACCOUNT", "CREDIT_CARD", "DATE_OF_BIRTH", "EMAIL_ADDRESS", "IBAN_CODE", "IP_ADDRESS", "MAC_ADDRESS",
    "MEDICAL_RECORD", "NATIONAL_ID", "PASSPORT", "PERSON", "PHONE_NUMBER", "SECRET", "URL_CREDENTIALS",
}  # fmt: skip
CHECKED: dict[str, Callable[[str], bool]] = {
    "be_nn": nn.is_valid,
    "br_cpf": cpf.is_valid,
    "ca_sin": sin.is_valid,
    "ch_ahv": ssn.is_valid,
    "de_idnr": idnr.is_valid,
    "es_dni": lambda value: dni.is_valid(value.replace(".", "")),
    "es_nie": nie.is_valid,
    "fi_hetu": hetu.is_valid,
    "fr_nir": nir.is_valid,
    "it_cf": codicefiscale.is_valid,
    "nl_bsn": bsn.is_valid,
    "pl_pesel": pesel.is_valid,
    "pt_card": cc.is_valid,
    "pt_nif": nif.is_valid,
    "se_personnummer": personnummer.is_valid,
    "us_ssn": us_ssn.is_valid,
}


@pytest.fixture(scope="module")
def drawn() -> list[Document]:
    return list(documents(120, 1))


def _values(of: list[Document], kind: str) -> list[str]:
    return [one.text[gold.start : gold.end] for one in of for gold in one.spans if gold.kind == kind]


def test_languages_forms_and_kinds_are_all_there(drawn: list[Document]) -> None:
    assert {one.language for one in drawn} == {"de", "en", "es", "fr", "it", "ja", "nl", "pl", "pt", "sv"}
    for language in LANGUAGES:
        own = [one for one in drawn if one.language == language.code]
        assert {one.form for one in own if one.spans} == FORMS, language.code
        assert {gold.kind for one in own for gold in one.spans} == KINDS, language.code


def test_a_quarter_of_each_language_has_no_span(drawn: list[Document]) -> None:
    for language in LANGUAGES:
        own = [one for one in drawn if one.language == language.code]
        assert len(own) == 120
        assert len([one for one in own if not one.spans]) == 30


def test_spans_lie_in_the_text_apart_and_hold_values_without_space_around(drawn: list[Document]) -> None:
    for one in drawn:
        assert "{{" not in one.text.replace("${{", "")
        for before, after in pairwise(one.spans):
            assert before.end <= after.start
        for gold in one.spans:
            value = one.text[gold.start : gold.end]
            assert value
            assert value == value.strip()


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda one: one.code)
def test_each_template_gives_the_text_around_its_slots_unchanged(language: Language) -> None:
    assert len(language.templates) >= 12
    for template in language.templates:
        made = filled(template, language, random.Random(template.text))
        assert made.form == template.form
        assert bool(made.spans) != template.clean
        place = 0
        for part in _fixed(template.text):
            place = made.text.index(part, place) + len(part)


def _fixed(text: str) -> list[str]:
    return [part.rpartition("}}")[2] for part in text.split("{{")]


def test_values_are_what_their_kind_says(drawn: list[Document]) -> None:
    assert all(iban.is_valid(value) for value in _values(drawn, "IBAN_CODE"))
    cards = [value.replace(" ", "").replace("-", "") for value in _values(drawn, "CREDIT_CARD")]
    assert all(luhn.is_valid(value) for value in cards)
    assert all(value.count("@") == 1 for value in _values(drawn, "EMAIL_ADDRESS"))
    assert all(re.fullmatch(r"[^:@/]*:[^@/]+", value) for value in _values(drawn, "URL_CREDENTIALS"))


@pytest.mark.parametrize("name", sorted(CHECKED))
def test_national_ids_have_the_check_digits_of_real_ones(name: str) -> None:
    drawn = random.Random(name)
    for _ in range(50):
        for person in cast(LANGUAGES[0], drawn):
            value = identity(name, person, drawn)
            assert CHECKED[name](value), value


def test_documents_that_are_json_can_be_read_as_json(drawn: list[Document]) -> None:
    for one in drawn:
        if one.form == "json":
            assert json.loads(one.text)


def test_names_are_drawn_from_sixty_given_and_sixty_family_names() -> None:
    for language in LANGUAGES:
        assert len({*language.women, *language.men}) >= 60, language.code
        assert len(set(language.families)) >= 60, language.code


def test_same_seed_gives_the_same_documents_and_another_does_not() -> None:
    assert list(documents(8, 7)) == list(documents(8, 7))
    assert list(documents(8, 7)) != list(documents(8, 8))


def test_its_option_asks_for_this_set_alone() -> None:
    asked = argparse.Namespace(heldout=True, documents=4, seed=1)
    sets = {name: list(found) for name, found in _sets(asked)}
    assert sets == {"held-out, by another hand": list(documents(4, 1))}
