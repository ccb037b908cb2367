"""The private key of appeals, which no box has, and what it opens: files of mails, or of their attachments.

Source: RFC 8410 (X25519 in PKCS #8).
"""

import contextlib
import os
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import default
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from mgmt.registers.appeals.sealed import Appeal, BadSeal, looks_sealed, open_sealed
from rules.base.atomic_file import sync

MAX_OCTETS = 1 << 20  # of a mail: 100 times ours


def make_key(path: Path) -> bytes:
    """Write a new private key, which its owner alone reads; the public one.   Raises FileExistsError, OSError

    It is on the disk when this returns: what is sealed to a public key whose private one is lost cannot be read."""
    key = X25519PrivateKey.generate()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    sync([path, path.parent])
    return key.public_key().public_bytes_raw()


def read_key(path: Path) -> X25519PrivateKey:
    """Raises ValueError for a file that is no such key, OSError."""
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError):  # TypeError: it has a password
        key = None
    if not isinstance(key, X25519PrivateKey):
        raise ValueError(f"{path}: no private key of appeals (X25519, PEM, without a password)")
    return key


def open_file(path: Path, key: X25519PrivateKey) -> Appeal:
    """The appeal of an attachment, or of a mail with one.   Raises BadSeal, OSError"""
    with path.open("rb") as file:
        octets = file.read(MAX_OCTETS + 1)
    if len(octets) > MAX_OCTETS:
        raise BadSeal(f"it has more than {MAX_OCTETS} octets, and is no mail of an appeal")
    return open_sealed(octets if looks_sealed(octets) else _attached(octets), key)


def _attached(mail: bytes) -> bytes:
    """What looks like an appeal in a mail; b'': nothing does."""
    with contextlib.suppress(Exception):  # email raises anything over a mail that is malformed
        parsed: Message = message_from_bytes(mail, _class=EmailMessage, policy=default)
        for part in parsed.walk():
            octets = part.get_payload(decode=True)
            if isinstance(octets, bytes) and looks_sealed(octets):
                return octets
    return b""
