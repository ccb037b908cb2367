"""The public key of appeals as one line of the configuration.

    filterd-appeals-1: and base64url of 36 octets: the key (X25519) and the first four octets of its SHA-256

The four octets find a slip of the pen: every 32 octets are a key, and what is sealed for a wrong one no one opens.
Source: RFC 7748 §6.1 (the key), RFC 4648 §5 (base64url; 36 octets need no padding).
"""

import base64
import binascii
import hashlib

PREFIX = "filterd-appeals-1:"
KEY_OCTETS, CHECK_OCTETS = 32, 4


def key_text(key: bytes) -> str:
    """The line of a public key of 32 octets."""
    return PREFIX + base64.urlsafe_b64encode(key + _check(key)).decode()


def key_of(text: str) -> bytes:
    """The public key of a line, 32 octets.   Raises ValueError"""
    if not text.startswith(PREFIX) or not text.isascii():
        raise ValueError(f"no key of appeals, which begins with {PREFIX}")
    try:
        octets = base64.b64decode(text.removeprefix(PREFIX), altchars=b"-_", validate=True)
    except binascii.Error as reason:
        raise ValueError("no whole key of appeals") from reason
    key, check = octets[:KEY_OCTETS], octets[KEY_OCTETS:]
    if len(octets) != KEY_OCTETS + CHECK_OCTETS or check != _check(key):
        raise ValueError("no key of appeals: a letter is missing, or another one")
    return key


def _check(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()[:CHECK_OCTETS]
