"""Signing a request with a key: to webhooks; to the API with an issuer's, as mgmt.orders.base.issuer_signatures has it.

Source: RFC 9421 (HTTP message signatures), RFC 9530 (Content-Digest).
"""

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from filterd.box.errors import WrongUse

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

COVERED = ("@method", "@authority", "@path")


class _Request(NamedTuple):
    method: str
    url: str
    headers: dict[str, str]


def sign(headers: dict[str, str], method: str, url: str, body: bytes, path: Path) -> None:
    """Add digest and signature to the headers of a request.   path  of the key.   Raises WrongUse."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as reason:
        why = reason.strerror if isinstance(reason, OSError) else "no private key in PEM without a password"
        raise WrongUse(f"--key {path}: {why}; nothing done; name the issuer's private key") from reason
    if not isinstance(key, Ed25519PrivateKey):
        raise WrongUse(f"--key {path}: no Ed25519 key; nothing done; make one: openssl genpkey -algorithm ed25519")
    sign_with(key, headers, method, url, body)


def sign_with(
    key: "Ed25519PrivateKey", headers: dict[str, str], method: str, url: str, body: bytes, also: tuple[str, ...] = ()
) -> None:
    """The same, with a key at hand.   also  headers that are signed, too, in small letters"""
    from http_message_signatures import HTTPMessageSigner
    from http_message_signatures.algorithms import ED25519
    from http_message_signatures.resolvers import MappingKeyResolver

    name = key.public_key().public_bytes_raw().hex()
    signer = HTTPMessageSigner(
        signature_algorithm=ED25519, key_resolver=MappingKeyResolver(public_keys={}, private_keys={name: key})
    )
    covered = (*COVERED, *(("@query",) if "?" in url else ()), *also)
    signer.sign(
        _Request(method, url, headers),
        key_id=name,
        nonce=secrets.token_urlsafe(16),
        covered_component_ids=covered,
        body=body,
    )
