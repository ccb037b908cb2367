"""An appeal, sealed for the one who holds the private key: 8,256 octets, however long the text is.

    0     16    b"filterd-appeal-1"
    16    8240  HPKE in base mode (RFC 9180 §6.1), with the first 16 octets as info and no other data: DHKEM(X25519,
                HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305; the encapsulated key, 8,192 octets encrypted, the tag
    message     a JSON object in UTF-8, filled up with octets 0: address, contact (or null), isp, at (ISO 8601)

Invariants: the length tells nothing of the message; who has sealed one cannot open it; one that was changed in any
octet does not open.   Source: RFC 9180; docs/desk/appeals.md.
"""

from datetime import datetime
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

MAGIC = b"filterd-appeal-1"
KEY_OCTETS, TAG_OCTETS = 32, 16
MESSAGE_OCTETS = 8192  # JSON writes a quotation mark as two octets, and everything here could be one
SEALED_OCTETS = len(MAGIC) + KEY_OCTETS + MESSAGE_OCTETS + TAG_OCTETS
MAX_ADDRESS_OCTETS, MAX_CONTACT_OCTETS, MAX_ISP_OCTETS = 2048, 256, 1024

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


class BadSeal(Exception):
    """It is no appeal, was sealed for another key, or was changed; the message says which of them, where that is
    known."""


class Appeal(msgspec.Struct, frozen=True):
    """What is sealed.   address  that is said to be wrongly blocked;   contact  how to answer; None: no answer is
    wanted;   at  when it was written (aware)"""

    address: Annotated[str, msgspec.Meta(min_length=1)]
    contact: str | None
    isp: str
    at: datetime


def seal(appeal: Appeal, recipient: bytes) -> bytes:
    """Seal it.   recipient  public key, 32 octets.   Raises ValueError for more than fits, or a key that is invalid"""
    message = msgspec.json.encode(appeal)
    if len(message) > MESSAGE_OCTETS:
        raise ValueError(f"appeal: {len(message)} octets, more than {MESSAGE_OCTETS}; not sealed; write less")
    filled = message.ljust(MESSAGE_OCTETS, b"\0")
    return MAGIC + _SUITE.encrypt(filled, X25519PublicKey.from_public_bytes(recipient), info=MAGIC)


def open_sealed(sealed: bytes, private: X25519PrivateKey) -> Appeal:
    """Open it.   Raises BadSeal"""
    if not looks_sealed(sealed):
        raise BadSeal(f"it is no appeal, which has {SEALED_OCTETS} octets and begins with {MAGIC.decode()}")
    try:
        message = _SUITE.decrypt(sealed[len(MAGIC) :], private, info=MAGIC)
        return msgspec.json.decode(message.rstrip(b"\0"), type=Appeal)
    except InvalidTag:
        raise BadSeal("it was sealed for another key, or changed on its way") from None
    except ValueError as reason:  # a message that no splash writes
        raise BadSeal("it opens, and holds no appeal: not written by a splash") from reason


def looks_sealed(octets: bytes) -> bool:
    """Whether they have the length and the beginning of a sealed appeal: all that can be known without the key."""
    return len(octets) == SEALED_OCTETS and octets.startswith(MAGIC)


def plain(text: str) -> str:
    """A text without control characters, which JSON would write as six octets each, and that UTF-8 can hold."""
    kept = "".join(c for c in text if c >= " " and not "\x7f" <= c <= "\x9f")
    return kept.encode("utf-8", "replace").decode().strip()


def fits(text: str, n_octets: int) -> bool:
    """Whether a text has at most so many octets of UTF-8."""
    return len(text.encode()) <= n_octets
