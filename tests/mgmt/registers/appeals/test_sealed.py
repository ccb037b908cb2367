"""A sealed appeal: the key's holder opens it, by the manual alone, too; nobody else does, and nothing changed opens."""

import json
from datetime import UTC, datetime

import pyhpke
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from hypothesis import given, settings
from hypothesis import strategies as st

from mgmt.registers.appeals.sealed import (
    MAX_ADDRESS_OCTETS,
    MAX_CONTACT_OCTETS,
    MAX_ISP_OCTETS,
    SEALED_OCTETS,
    Appeal,
    BadSeal,
    fits,
    looks_sealed,
    open_sealed,
    plain,
    seal,
)

AT = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
KEY = X25519PrivateKey.generate()
PUBLIC = KEY.public_key().public_bytes_raw()
URDU = Appeal("http://مثال.example/صفحہ?q=کتاب", "ای میل: a@b.example", "آئی ایس پی", AT)


def test_what_was_sealed_is_opened_by_the_key_alone() -> None:
    sealed = seal(URDU, PUBLIC)

    assert open_sealed(sealed, KEY) == URDU
    with pytest.raises(BadSeal, match="another key, or changed"):
        open_sealed(sealed, X25519PrivateKey.generate())


def test_the_length_tells_nothing_and_two_of_one_text_have_nothing_in_common() -> None:
    short, long = Appeal("a", None, "", AT), Appeal("x" * MAX_ADDRESS_OCTETS, "y" * MAX_CONTACT_OCTETS, "z", AT)
    one, other = seal(short, PUBLIC), seal(short, PUBLIC)

    assert {len(one), len(other), len(seal(long, PUBLIC))} == {SEALED_OCTETS}
    assert one[16:48] != other[16:48] and one[48:80] != other[48:80]


def test_the_largest_that_a_form_takes_fits() -> None:
    appeal = Appeal('"' * MAX_ADDRESS_OCTETS, "\\" * MAX_CONTACT_OCTETS, '"' * MAX_ISP_OCTETS, AT)

    assert open_sealed(seal(appeal, PUBLIC), KEY) == appeal


def test_more_than_fits_is_not_sealed() -> None:
    with pytest.raises(ValueError, match="not sealed"):
        seal(Appeal("a" * 9000, None, "", AT), PUBLIC)


@pytest.mark.parametrize("at", [0, 15, 16, 47, 48, 4000, SEALED_OCTETS - 17, SEALED_OCTETS - 16, SEALED_OCTETS - 1])
def test_one_changed_bit_anywhere_keeps_it_closed(at: int) -> None:
    sealed = bytearray(seal(URDU, PUBLIC))
    sealed[at] ^= 1

    with pytest.raises(BadSeal):
        open_sealed(bytes(sealed), KEY)


@pytest.mark.parametrize("octets", [b"", b"filterd-appeal-1", bytes(SEALED_OCTETS), seal(URDU, PUBLIC)[:-1]])
def test_what_is_no_appeal_is_refused(octets: bytes) -> None:
    assert not looks_sealed(octets)
    with pytest.raises(BadSeal, match="no appeal"):
        open_sealed(octets, KEY)


def test_a_public_key_that_leads_to_no_secret_is_refused() -> None:
    """RFC 7748 §6.1: all octets 0 is such a one."""
    with pytest.raises(BadSeal):
        open_sealed(b"filterd-appeal-1" + bytes(SEALED_OCTETS - 16), KEY)


def test_a_message_that_no_splash_writes_is_refused() -> None:
    magic = b"filterd-appeal-1"
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
    forged = magic + suite.encrypt(b"[]".ljust(8192, b"\0"), KEY.public_key(), info=magic)

    with pytest.raises(BadSeal, match="holds no appeal"):
        open_sealed(forged, KEY)


def test_another_reader_of_rfc_9180_opens_it_by_the_manual() -> None:
    sealed = seal(URDU, PUBLIC)
    suite = pyhpke.CipherSuite.new(
        pyhpke.KEMId.DHKEM_X25519_HKDF_SHA256, pyhpke.KDFId.HKDF_SHA256, pyhpke.AEADId.CHACHA20_POLY1305
    )
    key = pyhpke.KEMKey.from_pyca_cryptography_key(KEY)

    message = suite.create_recipient_context(sealed[16:48], key, info=sealed[:16]).open(sealed[48:])

    said = json.loads(message.rstrip(b"\0"))
    assert (len(message), said["address"], said["contact"]) == (8192, URDU.address, URDU.contact)
    assert (said["isp"], said["at"]) == (URDU.isp, "2026-11-28T12:00:00Z")


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=600))
def test_any_text_a_form_brings_is_sealed_as_it_is_without_control_characters(text: str) -> None:
    address = plain(text)
    assert all(c.isprintable() or ord(c) > 0x9F for c in address)
    if address and fits(address, MAX_ADDRESS_OCTETS):
        assert open_sealed(seal(Appeal(address, None, "", AT), PUBLIC), KEY).address == address
