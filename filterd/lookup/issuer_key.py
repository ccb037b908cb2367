"""Signing a request to the API with an issuer's key, as mgmt.orders.issuer_signatures checks it.

Source: RFC 9421 (HTTP message signatures), RFC 9530 (Content-Digest).
"""

import secrets
from pathlib import Path
from typing import NamedTuple

from filterd.errors import WrongUse

COVERED = ("@method", "@authority", "@path")


class _Request(NamedTuple):
    method: str
    url: str
    headers: dict[str, str]


def sign(headers: dict[str, str], method: str, url: str, body: bytes, path: Path) -> None:
    """Add digest and signature to the headers of a request.   path  of the key.   Raises WrongUse."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from http_message_signatures import HTTPMessageSigner
    from http_message_signatures.algorithms import ED25519
    from http_message_signatures.resolvers import MappingKeyResolver

    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as reason:
        why = reason.strerror if isinstance(reason, OSError) else "no private key in PEM without a password"
        raise WrongUse(f"--key {path}: {why}; nothing done; name the issuer's private key") from reason
    if not isinstance(key, Ed25519PrivateKey):
        raise WrongUse(f"--key {path}: no Ed25519 key; nothing done; make one: openssl genpkey -algorithm ed25519")
    name = key.public_key().public_bytes_raw().hex()
    signer = HTTPMessageSigner(
        signature_algorithm=ED25519, key_resolver=MappingKeyResolver(public_keys={}, private_keys={name: key})
    )
    covered = (*COVERED, "@query") if "?" in url else COVERED
    signer.sign(
        _Request(method, url, headers),
        key_id=name,
        nonce=secrets.token_urlsafe(16),
        covered_component_ids=covered,
        body=body,
    )
