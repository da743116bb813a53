"""What a finding may be. Names follow Presidio's where it has one, since policies written for it then read the same."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    EMAIL = "EMAIL_ADDRESS"
    PHONE = "PHONE_NUMBER"
    IBAN = "IBAN_CODE"
    CARD = "CREDIT_CARD"
    NATIONAL_ID = "NATIONAL_ID"
    PASSPORT = "PASSPORT"
    BANK_ACCOUNT = "BANK_ACCOUNT"
    BIRTH = "DATE_OF_BIRTH"
    IP = "IP_ADDRESS"
    MAC = "MAC_ADDRESS"
    MEDICAL = "MEDICAL_RECORD"
    ADDRESS = "ADDRESS"
    PERSON = "PERSON"
    URL_CREDENTIALS = "URL_CREDENTIALS"
    SECRET = "SECRET"
