"""What an issuer's key has signed of a request: checked before anything of the request is believed.

    demanded? → one signature (RFC 9421) of a key of this issuer → not old, not of the future → content as signed → not
    used before

Invariants: of an issuer that has ever had a key, nothing unsigned is taken; a signature covers method, host, path,
query and content, so that it is good for one box and one request; each nonce of a key counts once.
Source: RFC 9421 (HTTP message signatures), RFC 9530 (Content-Digest), RFC 8032 (Ed25519).
Cost: some 300 µs, and a digest of the content.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import http_sf
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver
from http_message_signatures.algorithms import ED25519
from http_message_signatures.exceptions import HTTPMessageSignaturesException
from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from mgmt.orders.base.model import IssuerSignature
from parental.store.schema.access import issuer_keys, push_nonces

COVERED = ("@method", "@authority", "@path", "content-digest")
OLDEST = timedelta(minutes=5)  # of `created`: a clock that is off by an hour gets that answer
AHEAD = timedelta(minutes=1)
MAX_NONCE_CHARACTERS = 200
_HOW = "sign method, host, path and Content-Digest with your key (docs/desk/enforcement.md)"


class SignatureRefusal(ValueError):
    """A request is not taken; the message says why, and what its sender can do."""


class RawRequest(NamedTuple):
    """A request as it came.   url  absolute, encoded, with the host that the client has named"""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


def is_demanded(conn: Connection, issuer: str) -> bool:
    """Whether this issuer signs: it has a key, or had one."""
    return conn.execute(select(issuer_keys.c.issuer).where(issuer_keys.c.issuer == issuer).limit(1)).first() is not None


def check(conn: Connection, issuer: str, heard: RawRequest, now: datetime) -> IssuerSignature | None:
    """The signature of a request in an issuer's name; None: none is demanded.   Raises SignatureRefusal."""
    if not is_demanded(conn, issuer):
        return None
    verifier = _Verifier(_Keys(conn, issuer, int(now.timestamp())), now)
    covered = (*COVERED, "@query") if "?" in heard.url else COVERED
    try:
        (found,) = verifier.verify(heard, require_components=covered, body=heard.body)
        values: Any = http_sf.parse(heard.headers["Signature"].encode(), tltype="dictionary")
    except SignatureRefusal:
        raise
    except HTTPMessageSignaturesException as reason:
        if isinstance(reason.__cause__, SignatureRefusal):  # of our own look at the key
            raise reason.__cause__ from reason
        why = str(reason) or "does not fit the request that came"
        raise SignatureRefusal(f"signature: {why[:200]}; not taken; {_HOW}") from reason
    except (ValueError, TypeError, LookupError) as reason:
        raise SignatureRefusal(f"signature: not readable; not taken; {_HOW}") from reason
    said: Any = found.parameters
    nonce = found.nonce
    if not nonce or len(nonce) > MAX_NONCE_CHARACTERS:
        raise SignatureRefusal(
            f"signature: no nonce of 1 to {MAX_NONCE_CHARACTERS} characters; not taken; add a new one"
        )
    base = "\n".join(f"{name}: {value}" for name, value in found.covered_components.items())
    return IssuerSignature(bytes.fromhex(said["keyid"]), nonce, said["created"], base.encode(), values[found.label][0])


def spend(conn: Connection, signed: IssuerSignature, now: datetime) -> None:
    """Use a signature up, in the transaction of what it is for.   Raises SignatureRefusal: it was used."""
    conn.execute(delete(push_nonces).where(push_nonces.c.until_s < int(now.timestamp())))
    until_s = signed.created + int((OLDEST + AHEAD).total_seconds())
    try:
        conn.execute(insert(push_nonces).values(key=signed.key, nonce=signed.nonce, until_s=until_s))
    except IntegrityError as reason:
        raise SignatureRefusal(
            "signature: its nonce was used before; not taken; sign again with a new one, or look at what the first "
            "request has done"
        ) from reason


class _Keys(HTTPSignatureKeyResolver):
    """The keys of one issuer, by their hexadecimal digits."""

    def __init__(self, conn: Connection, issuer: str, now_s: int) -> None:
        self._conn, self._issuer, self._now_s = conn, issuer, now_s

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey:
        try:
            public_key = bytes.fromhex(key_id)
        except ValueError as reason:
            raise SignatureRefusal(
                "signature: keyid is no hexadecimal text; not taken; write your public key"
            ) from reason
        chosen = select(issuer_keys).where(issuer_keys.c.public_key == public_key, issuer_keys.c.issuer == self._issuer)
        row = self._conn.execute(chosen).one_or_none()
        if row is None:
            raise SignatureRefusal(f"signature: {self._issuer} has no key {key_id[:64]}; not taken; have it put")
        if not row.from_s <= self._now_s < row.until_s:
            raise SignatureRefusal(f"signature: key {key_id} has ended, or not begun; not taken; use the new one")
        return Ed25519PublicKey.from_public_bytes(public_key)


class _Verifier(HTTPMessageVerifier):
    """By the application's clock."""

    def __init__(self, keys: _Keys, now: datetime) -> None:
        super().__init__(signature_algorithm=ED25519, key_resolver=keys)
        self._now = now

    def validate_created_and_expires(self, sig_input: Any, max_age: timedelta | None = None) -> None:
        del max_age
        created, expires = (sig_input.params.get(name) for name in ("created", "expires"))
        now_s = int(self._now.timestamp())
        if type(created) is not int or not now_s - OLDEST.total_seconds() <= created <= now_s + AHEAD.total_seconds():
            why = f"created is {created!r:.20}, and here it is {now_s}"
            raise SignatureRefusal(f"signature: {why}; not taken; sign again, and look at your clock")
        if expires is not None and (type(expires) is not int or expires <= now_s):
            raise SignatureRefusal(
                f"signature: expired at {expires!r:.20}, and here it is {now_s}; not taken; sign again"
            )
