"""National identification, tax and social security numbers: 50 countries.

One line for each form: country and number, pattern, the module of python-stdnum or a check of ours, and the score that it
has alone. Below the threshold it wants a word beside it: nine digits with one check digit are one in ten of all numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module

from dlp.detectors import checks, words
from dlp.detectors.rule import Edge, Rule
from dlp.kinds import Kind

ALONE = 0.85  # shape and checksum leave little to chance
LIKELY = 0.6
BESIDE = 0.3  # only beside a word
NEAR = 0.92

# name, pattern, module of stdnum or a check, score alone
_FORMS: tuple[tuple[str, str, str | Callable[[str], bool] | None, float], ...] = (
    ("us.ssn", r"\b\d{3}-\d{2}-\d{4}\b", "us.ssn", ALONE),
    ("us.ssn", r"\b\d{3} \d{2} \d{4}\b", "us.ssn", BESIDE),
    ("us.ssn", r"\b\d{9}\b", "us.ssn", BESIDE),
    ("us.itin", r"\b9\d{2}-[5-9]\d-\d{4}\b", "us.itin", ALONE),
    ("ca.sin", r"\b\d{3}[ -]\d{3}[ -]\d{3}\b", "ca.sin", BESIDE),
    ("ca.sin", r"\b\d{9}\b", "ca.sin", BESIDE),
    ("gb.nino", r"(?i)\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b", checks.is_nino, ALONE),
    ("gb.nhs", r"\b\d{3}[ -]?\d{3}[ -]?\d{4}\b", "gb.nhs", BESIDE),
    ("gb.utr", r"\b\d{5} ?\d{5}\b", "gb.utr", BESIDE),
    ("de.idnr", r"\b\d{2} ?\d{3} ?\d{3} ?\d{3}\b", "de.idnr", BESIDE),
    ("de.vsnr", r"\b\d{2} ?\d{6} ?[A-Z] ?\d{3}\b", checks.is_german_pension_number, ALONE),
    ("fr.nir", r"\b[12] ?\d{2} ?\d{2} ?(?:\d{2}|2[ABab]) ?\d{3} ?\d{3} ?\d{2}\b", "fr.nir", ALONE),
    ("fr.nif", r"\b[0-3]\d ?\d{2} ?\d{3} ?\d{3} ?\d{3}\b", "fr.nif", BESIDE),
    ("es.dni", r"(?i)\b\d{8}[ -]?[A-Z]\b", "es.dni", LIKELY),
    ("es.dni", r"(?i)\b\d{2}\.\d{3}\.\d{3}[ -]?[A-Z]\b", "es.dni", ALONE),
    ("es.nie", r"(?i)\b[XYZ][ -]?\d{7}[ -]?[A-Z]\b", "es.nie", ALONE),
    ("it.cf", r"(?i)\b[A-Z]{6}[0-9LMNPQRSTUV]{2}[A-EHLMPRST][0-9LMNPQRSTUV]{2}[A-Z][0-9LMNPQRSTUV]{3}[A-Z]\b", "it.codicefiscale", ALONE),
    ("pt.nif", r"\b[1-35-9]\d{2} ?\d{3} ?\d{3}\b", "pt.nif", BESIDE),
    ("pt.cc", r"\b\d{8} ?\d ?[A-Z0-9]{2}\d\b", "pt.cc", LIKELY),
    ("nl.bsn", r"\b\d{9}\b", "nl.bsn", BESIDE),
    ("nl.bsn", r"\b\d{4}[. ]\d{2}[. ]\d{3}\b", "nl.bsn", BESIDE),
    ("be.nn", r"\b\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}\b", "be.nn", ALONE),
    ("be.nn", r"\b\d{11}\b", "be.nn", BESIDE),
    ("at.vnr", r"\b\d{4} ?\d{6}\b", "at.vnr", BESIDE),
    ("ch.ahv", r"\b756\.?\d{4}\.?\d{4}\.?\d{2}\b", "ch.ssn", ALONE),
    ("pl.pesel", r"\b\d{11}\b", "pl.pesel", LIKELY),
    ("pl.nip", r"\b\d{3}-?\d{3}-?\d{2}-?\d{2}\b", "pl.nip", BESIDE),
    ("cz.rc", r"\b\d{6}/\d{3,4}\b", "cz.rc", ALONE),
    ("cz.rc", r"\b\d{10}\b", "cz.rc", BESIDE),
    ("hu.taj", r"\b\d{3}[ -]?\d{3}[ -]?\d{3}\b", checks.is_taj, BESIDE),
    ("ro.cnp", r"\b[1-8]\d{12}\b", "ro.cnp", LIKELY),
    ("bg.egn", r"\b\d{10}\b", "bg.egn", BESIDE),
    ("hr.oib", r"\b\d{11}\b", "hr.oib", BESIDE),
    ("si.emso", r"\b\d{13}\b", "si.emso", LIKELY),
    ("lt.ak", r"\b[1-6]\d{10}\b", "lt.asmens", LIKELY),
    ("ee.ik", r"\b[1-6]\d{10}\b", "ee.ik", LIKELY),
    ("lv.pk", r"\b\d{6}-\d{5}\b", "lv.pvn", LIKELY),
    ("fi.hetu", r"(?i)\b\d{6}[-+A-FU-Y]\d{3}[0-9A-Y]\b", "fi.hetu", ALONE),
    ("se.pnr", r"\b(?:19|20)?\d{6}[-+]\d{4}\b", "se.personnummer", ALONE),
    ("se.pnr", r"\b(?:19|20)\d{10}\b", "se.personnummer", LIKELY),
    ("no.fnr", r"\b\d{6} ?\d{5}\b", "no.fodselsnummer", LIKELY),
    ("dk.cpr", r"\b\d{6}-\d{4}\b", "dk.cpr", LIKELY),
    ("is.kt", r"\b\d{6}-?\d{4}\b", "is_.kennitala", BESIDE),
    ("ie.pps", r"(?i)\b\d{7}[A-W][A-IW]?\b", "ie.pps", LIKELY),
    ("gr.amka", r"\b\d{11}\b", "gr.amka", BESIDE),
    ("tr.tckn", r"\b[1-9]\d{10}\b", "tr.tckimlik", 0.55),
    ("ua.rnokpp", r"\b\d{10}\b", "ua.rntrc", BESIDE),
    ("ru.inn", r"\b\d{12}\b", "ru.inn", BESIDE),
    ("ru.snils", r"\b\d{3}-\d{3}-\d{3}[ -]\d{2}\b", checks.is_snils, ALONE),
    ("ru.snils", r"\b\d{11}\b", checks.is_snils, BESIDE),
    ("il.id", r"\b\d{9}\b", "il.idnr", BESIDE),
    ("in.aadhaar", r"\b[2-9]\d{3} \d{4} \d{4}\b", "in_.aadhaar", LIKELY),
    ("in.aadhaar", r"\b[2-9]\d{11}\b", "in_.aadhaar", BESIDE),
    ("in.pan", r"\b[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z]\b", "in_.pan", 0.8),
    ("cn.ric", r"(?i)\b[1-9]\d{16}[\dX]\b", "cn.ric", ALONE),
    ("kr.rrn", r"\b\d{6}-[1-8]\d{6}\b", checks.has_birthday, ALONE),
    ("jp.my_number", r"\b\d{4}[ -]?\d{4}[ -]?\d{4}\b", "jp.in_", BESIDE),
    ("sg.nric", r"\b[STFGM]\d{7}[A-Z]\b", checks.is_singapore_nric, ALONE),
    ("hk.id", r"\b[A-Z]{1,2}\d{6}\([0-9A]\)", checks.is_hong_kong_id, ALONE),
    ("tw.id", r"\b[A-Z][1289]\d{8}\b", checks.is_taiwan_id, 0.7),
    ("my.nric", r"\b\d{6}-\d{2}-\d{4}\b", "my.nric", ALONE),
    ("th.pin", r"\b\d-\d{4}-\d{5}-\d{2}-\d\b", "th.pin", ALONE),
    ("th.pin", r"\b\d{13}\b", "th.pin", BESIDE),
    ("id.nik", r"\b\d{16}\b", "id.nik", BESIDE),
    ("pk.cnic", r"\b\d{5}-\d{7}-\d\b", "pk.cnic", ALONE),
    ("br.cpf", r"\b\d{3}\.\d{3}\.\d{3}-\d{2}\b", "br.cpf", ALONE),
    ("br.cpf", r"\b\d{11}\b", "br.cpf", BESIDE),
    ("ar.cuit", r"\b(?:20|23|24|27)-\d{8}-\d\b", "ar.cuit", ALONE),
    ("ar.dni", r"\b\d{1,2}\.\d{3}\.\d{3}\b", "ar.dni", BESIDE),
    ("cl.rut", r"(?i)\b\d{1,2}\.?\d{3}\.?\d{3}-[\dk]\b", "cl.rut", 0.8),
    ("mx.curp", r"(?i)\b[A-Z]{4}\d{6}[HMX][A-Z]{5}[A-Z0-9]\d\b", "mx.curp", ALONE),
    ("mx.rfc", r"(?i)\b[A-ZÑ&]{4}\d{6}[A-Z0-9]{3}\b", "mx.rfc", LIKELY),
    ("pe.cui", r"\b\d{8}-?[0-9A-K]\b", "pe.cui", BESIDE),
    ("ec.ci", r"\b\d{10}\b", "ec.ci", BESIDE),
    ("do.cedula", r"\b\d{3}-\d{7}-\d\b", "do.cedula", ALONE),
    ("ve.rif", r"\b[VE]-?\d{8}-?\d\b", "ve.rif", 0.8),
    ("za.id", r"\b\d{13}\b", "za.idnr", LIKELY),
    ("au.tfn", r"\b\d{3} ?\d{3} ?\d{2,3}\b", "au.tfn", BESIDE),
    ("nz.ird", r"\b\d{2,3}-?\d{3}-?\d{3}\b", "nz.ird", BESIDE),
    ("mu.nid", r"\b[A-Z]\d{12}[0-9A-Z]\b", "mu.nid", ALONE),
)  # fmt: skip


def rules() -> list[Rule]:
    return [
        Rule(
            name=name,
            kind=Kind.NATIONAL_ID,
            pattern=pattern,
            score=alone,
            near=NEAR,
            context=words.ID,
            check=_check(check),
            edge=Edge.NUMBER,
            cue=_cue(pattern),
        )
        for name, pattern, check, alone in _FORMS
    ]


def _cue(pattern: str) -> str:
    """One of a few for all of these: what they differ in is for the patterns themselves, which cost little."""
    if re.search(r"[A-Z]", pattern.replace("[A-Z0-9]", "")):
        return r"\d{2}"
    return (
        r"\d{8}"
        if re.fullmatch(r"\\b(?:[^{]*\{\d+\})?[^{ -]*\{?\d*\}?\\b", pattern)
        else r"\d[-./ ]?\d[-./ ]?\d[-./ ]?\d"
    )


def countries() -> frozenset[str]:
    return frozenset(name.partition(".")[0] for name, *_ in _FORMS)


def _check(check: str | Callable[[str], bool] | None) -> Callable[[str], bool] | None:
    if not isinstance(check, str):
        return check
    module = import_module(f"stdnum.{check}")

    def is_valid(value: str) -> bool:
        return bool(module.is_valid(value)) and len(set(value)) > 2

    return is_valid
