"""Passkeys: put, and used, no matter what the challenge stands for.

Invariants: the person is verified by the authenticator (PIN, finger or face), not only present; a response counts for
our own origin and name alone; a signature counter that does not rise shows a copy of the key: it is refused, and an
event says so.
Source: W3C Web Authentication Level 3, §7.1 and §7.2; the library webauthn does their steps.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import webauthn
from sqlalchemy import Connection, insert, select, update
from webauthn.helpers import base64url_to_bytes, parse_client_data_json
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from mgmt.ledger.event import STAFF, Event
from mgmt.ledger.store import append
from mgmt.staff.people import MAX_NAME_CHARACTERS, Person, StaffState, Unfit, get_person
from parental.store.schema.staff import passkeys

MAX_PASSKEYS = 10  # of one person
MAX_RESPONSE_CHARACTERS = 16_000  # attestation objects with certificates are some kilobytes
ALGORITHMS = [
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,  # of Windows Hello on older machines
]
_CHOICE = AuthenticatorSelectionCriteria(
    resident_key=ResidentKeyRequirement.REQUIRED,  # so that no name is typed, and no one learns which names there are
    user_verification=UserVerificationRequirement.REQUIRED,
)


class Party(NamedTuple):
    """Who we are to an authenticator.   origin  of the desk, as a browser has it: https://desk.isp.example"""

    origin: str
    name: str

    @property
    def host(self) -> str:
        return urlsplit(self.origin).hostname or ""


class Use(NamedTuple):
    """What became of a response.

    person  whose it is; None: refused, and why: malformed, unknown, wrong, disabled, ended or copied"""

    person: Person | None
    why: str = ""


class Passkey(NamedTuple):
    """A passkey.   public_key  COSE;   vouched_s  when someone on the box said whose it is; None: it signs nothing"""

    id: int
    staff: int
    credential: bytes
    public_key: bytes
    sign_count: int
    label: str
    vouched_s: int | None


_ALL = select(*passkeys.c[Passkey._fields])


class BadResponse(ValueError):
    """What is no response of an authenticator, or not one to us."""


def creation_options(conn: Connection, party: Party, person: Person, challenge: bytes) -> dict[str, Any]:
    """What a browser is asked, to make a passkey."""
    known = conn.execute(select(passkeys.c.credential).where(passkeys.c.staff == person.number)).scalars()
    options = webauthn.generate_registration_options(
        rp_id=party.host,
        rp_name=party.name,
        user_id=_handle(person.number),
        user_name=person.mail,
        user_display_name=person.name,
        challenge=challenge,
        authenticator_selection=_CHOICE,
        exclude_credentials=[PublicKeyCredentialDescriptor(id=each) for each in known],
        supported_pub_key_algs=ALGORITHMS,
    )
    return dict(json.loads(webauthn.options_to_json(options)))


def request_options(party: Party, challenge: bytes) -> dict[str, Any]:
    """What a browser is asked, to use a passkey of the one who sits before it."""
    options = webauthn.generate_authentication_options(
        rp_id=party.host, challenge=challenge, user_verification=UserVerificationRequirement.REQUIRED
    )
    return dict(json.loads(webauthn.options_to_json(options)))


def challenge_in(response: str) -> bytes:
    """The challenge that a response answers, which the caller must know.   Raises BadResponse."""
    with as_bad_response():
        return parse_client_data_json(
            base64url_to_bytes(read_response(response)["response"]["clientDataJSON"])
        ).challenge


def put_passkey(
    conn: Connection, party: Party, person: Person, response: str, challenge: bytes, label: str, at: datetime
) -> None:
    """Keep a passkey that an authenticator has made.   Raises BadResponse, Unfit: one too many, or no label."""
    if not 0 < len(label) <= MAX_NAME_CHARACTERS or not label.isprintable():
        raise Unfit(f"passkey: {label!r:.40} is no label; not kept; write 1 to {MAX_NAME_CHARACTERS} characters")
    with as_bad_response():
        made = webauthn.verify_registration_response(
            credential=read_response(response),
            expected_challenge=challenge,
            expected_rp_id=party.host,
            expected_origin=party.origin,
            require_user_verification=True,
            supported_pub_key_algs=ALGORITHMS,
        )
    if row_of(conn, made.credential_id) is not None:
        raise Unfit("passkey: it is known already; not kept; use another one")
    known = conn.execute(select(passkeys.c.id).where(passkeys.c.staff == person.number)).all()
    if len(known) >= MAX_PASSKEYS:
        raise Unfit(f"passkey: {MAX_PASSKEYS} are kept already; not kept; have yours reset (filterd staff reset)")
    row = {"staff": person.number, "credential": made.credential_id, "public_key": made.credential_public_key}
    more = {"sign_count": made.sign_count, "label": label, "set_s": int(at.timestamp())}
    conn.execute(insert(passkeys).values(**row, **more))
    append(conn, Event(STAFF, "passkey set", person.actor, {"staff": person.number}, {"label": label}), at)


def digest_of(key: Passkey) -> str:
    """What names a passkey for good: SHA-256 of its name and its public key, in hexadecimal."""
    return hashlib.sha256(key.credential + key.public_key).hexdigest()


def fingerprint_of(key: Passkey) -> str:
    """What people compare of a passkey: 64 bits of its digest, since one is compared with at most ten."""
    read = digest_of(key)[:16]
    return " ".join(read[i : i + 4] for i in range(0, len(read), 4))


def is_known(conn: Connection, response: str) -> bool:
    """Whether the passkey is kept that a response names; what is no response names none."""
    try:
        with as_bad_response():
            return row_of(conn, base64url_to_bytes(read_response(response)["rawId"])) is not None
    except BadResponse:
        return False


def is_of(conn: Connection, response: str, person: Person) -> bool:
    """Whether the passkey that a response names is the person's."""
    try:
        with as_bad_response():
            row = row_of(conn, base64url_to_bytes(read_response(response)["rawId"]))
    except BadResponse:
        return False
    return row is not None and row.staff == person.number


def use_passkey(conn: Connection, party: Party, response: str, challenge: bytes, at: datetime) -> Use:
    """Whose passkey has answered our challenge.   conn: of a transaction that a refusal must not undo"""
    try:
        with as_bad_response():
            said = read_response(response)
            row = row_of(conn, base64url_to_bytes(said["rawId"]))
            if row is None:
                return Use(None, "unknown")
            used = webauthn.verify_authentication_response(
                credential=said,
                expected_challenge=challenge,
                expected_rp_id=party.host,
                expected_origin=party.origin,
                credential_public_key=row.public_key,
                credential_current_sign_count=0,  # judged below, where it is written down
                require_user_verification=True,
            )
            handle = said["response"].get("userHandle")
            if handle and base64url_to_bytes(handle) != _handle(row.staff):
                return Use(None, "wrong")
    except BadResponse:
        return Use(None, "wrong")
    return _admit(conn, row, used.new_sign_count, at)


def _admit(conn: Connection, key: Passkey, count: int, at: datetime) -> Use:
    person = get_person(conn, key.staff)
    if (state := person.state_at(at.timestamp())) != StaffState.ACTIVE:
        return Use(None, state)
    if (count or key.sign_count) and count <= key.sign_count:
        about = {"staff": key.staff, "passkey": key.id}
        said = {"count": count, "known_count": key.sign_count}
        append(conn, Event(STAFF, "passkey refused as a copy", person.actor, about, said), at)
        return Use(None, "copied")
    used = {"sign_count": count, "last_used_s": int(at.timestamp())}
    conn.execute(update(passkeys).where(passkeys.c.id == key.id).values(**used))
    return Use(person)


@contextmanager
def as_bad_response() -> Iterator[None]:
    """What the library says of octets that are no authenticator's, as BadResponse."""
    try:
        yield
    except (WebAuthnException, ValueError, LookupError, TypeError, AttributeError) as reason:
        raise BadResponse(f"passkey: not an answer to us ({type(reason).__name__}); refused; try again") from reason


def read_response(response: str) -> dict[str, Any]:
    """PublicKeyCredential.toJSON(), within as_bad_response()."""
    if len(response) > MAX_RESPONSE_CHARACTERS:
        raise ValueError("too long")
    said = json.loads(response)
    if not isinstance(said, dict):
        raise TypeError("no object")
    return said


def keys_of(conn: Connection, person: Person) -> list[Passkey]:
    """The passkeys of a person, by their numbers."""
    mine = _ALL.where(passkeys.c.staff == person.number).order_by(passkeys.c.id)
    return list(map(Passkey._make, conn.execute(mine)))


def row_of(conn: Connection, credential: bytes) -> Passkey | None:
    """The passkey of a credential's name."""
    row = conn.execute(_ALL.where(passkeys.c.credential == credential)).one_or_none()
    return None if row is None else Passkey._make(row)


def _handle(person: int) -> bytes:
    return b"filterd-%d" % person
