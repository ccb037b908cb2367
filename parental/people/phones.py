"""Telephone numbers: sealed for anyone who sends a message, and found again by a keyed digest.

Invariants: a number is in no row, message or log in clear; without the key neither number nor digest can be guessed,
and there are few enough numbers to try them all otherwise; equal numbers are sealed to different octets.
Source: ITU-T E.164 (what a number is, and Pakistan's numbering plan); NIST SP 800-38D (AES-GCM); RFC 2104 (HMAC).
"""

import hashlib
import hmac
import re
import secrets
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from parental.store.errors import BadPerson

KEY_OCTETS = 32
NONCE_OCTETS = 12
NUMBER = re.compile(r"\+[1-9][0-9]{7,14}")
MOBILE = {"+92": re.compile(r"\+923[0-9]{9}")}  # of the countries whose numbering plan is known here
MOST_CHARACTERS = 40  # of a number as it is typed, with what is between its digits
FILLERS = str.maketrans("", "", " -()")


def plain_number(number: str) -> str:
    """A number with its country, without what is between its digits.   Raises BadPerson, which does not repeat it"""
    plain = number.translate(FILLERS)
    if not NUMBER.fullmatch(plain):
        raise BadPerson("phone: not a number with its country; not accepted; write +923001234567")
    return plain


def international(said: str, country: str) -> str:
    """A number as people write it ('0300 1234567', '0092…', '92…') with its country; others as they are.

    country  '+92'"""
    plain = "".join(str(int(each)) if each.isdecimal() else each for each in said[:MOST_CHARACTERS])
    plain = plain.translate(FILLERS)
    if plain.startswith("00"):
        return "+" + plain[2:]
    if plain.startswith(country[1:]) and NUMBER.fullmatch("+" + plain):
        return "+" + plain
    return country + plain[1:] if plain.startswith("0") else plain


def mobile_number(number: str) -> str:
    """plain_number() of what can get a message, as far as is known.   Raises BadPerson, which does not repeat it"""
    plain = plain_number(number)
    for country, mobile in MOBILE.items():
        if plain.startswith(country) and not mobile.fullmatch(plain):
            raise BadPerson("phone: no number of a mobile telephone; not accepted; write +923001234567")
    return plain


class SealedPhone(NamedTuple):
    """A number as rows have it."""

    octets: bytes
    digest: bytes


class Phones:
    """Seals and opens numbers.   key  of KEY_OCTETS"""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_OCTETS:
            raise ValueError(f"phones: a key of {len(key)} octets, {KEY_OCTETS} were expected; not used")
        self._seal = AESGCM(hmac.digest(key, b"seal", hashlib.sha256))
        self._digest_key = hmac.digest(key, b"digest", hashlib.sha256)
        self._code_key = hmac.digest(key, b"code", hashlib.sha256)

    def seal(self, number: str) -> SealedPhone:
        """'+92 300 1234567' as rows have it.   Raises BadPerson, which does not repeat the number"""
        plain = plain_number(number)
        nonce = secrets.token_bytes(NONCE_OCTETS)
        octets = nonce + self._seal.encrypt(nonce, plain.encode("ascii"), None)
        return SealedPhone(octets, self.digest(plain))

    def digest(self, plain: str) -> bytes:
        """By which a number is found.   plain  of plain_number()"""
        return hmac.digest(self._digest_key, plain.encode("ascii"), hashlib.sha256)

    def code_digest(self, asked_by: bytes, code: str) -> bytes:
        """A one-time code as rows have it: of six digits, all of which could be tried without the key."""
        return hmac.digest(self._code_key, asked_by + code.encode("utf-8", "replace"), hashlib.sha256)

    def open(self, octets: bytes) -> str:
        """The number.   Raises ValueError where another key has sealed it"""
        try:
            return self._seal.decrypt(octets[:NONCE_OCTETS], octets[NONCE_OCTETS:], None).decode("ascii")
        except InvalidTag:
            raise ValueError("phones: sealed by another key; not opened; restore the key of people") from None
