"""Secrets of the database that must be read again, sealed under a key that is not in it.

Invariants: AES-256-GCM with a new nonce each time; what was sealed for one person opens for no other.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_OCTETS = 32
NONCE_OCTETS = 12


class SecretBox:
    """Seals and opens with one key of KEY_OCTETS."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def seal(self, secret: bytes, person: int) -> bytes:
        nonce = os.urandom(NONCE_OCTETS)
        return nonce + self._aead.encrypt(nonce, secret, _bound_to(person))

    def open(self, sealed: bytes, person: int) -> bytes | None:
        """None: sealed for someone else, under another key, or altered."""
        try:
            return self._aead.decrypt(sealed[:NONCE_OCTETS], sealed[NONCE_OCTETS:], _bound_to(person))
        except (InvalidTag, ValueError):
            return None


def _bound_to(person: int) -> bytes:
    return b"filterd staff %d" % person
