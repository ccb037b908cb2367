"""A person of the desk agrees to a document, such as an approval, by a passkey: its digest is signed.

Anyone who decides checks this itself, over the document that it has read itself.  The same document can be agreed to
again by the same answer: agreeing twice is agreeing once, so anyone who asks keeps the first.
"""

import hashlib
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

import webauthn
from sqlalchemy import Connection
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from mgmt.staff.passkeys import BadResponse, Party, Use, as_bad_response, read_response, use_passkey

_COUNT = slice(33, 37)  # of the authenticator's data: after the digest of the name, and the flags
N_KNOWN = 4096  # answers: each publication asks for all that holds


class Assertion(NamedTuple):
    """What an authenticator has answered.   signature  over the other two;   credential  the passkey's name"""

    credential: bytes
    authenticator_data: bytes
    client_data: bytes
    signature: bytes

    @property
    def counted(self) -> int:
        """The signature counter; 0 where the authenticator has none."""
        return int.from_bytes(self.authenticator_data[_COUNT], "big")


def challenge_of(document: bytes) -> bytes:
    """What a browser is asked to sign (mgmt.staff.passkeys.request_options)."""
    return hashlib.sha256(document).digest()


def assertion_in(response: str) -> Assertion:
    """What is kept of PublicKeyCredential.toJSON().   Raises BadResponse."""
    with as_bad_response():
        said = read_response(response)
        parts = said["response"]
        named = (said["rawId"], parts["authenticatorData"], parts["clientDataJSON"], parts["signature"])
        return Assertion(*map(base64url_to_bytes, named))


def approver_of(conn: Connection, party: Party, document: bytes, assertion: str, at: datetime) -> Use:
    """Who agrees to a document; of no one, why not.

    conn  of a transaction that writes: the passkey's counter, and an event where it is a copy
    assertion  PublicKeyCredential.toJSON() of the browser, as text.   The caller asks for role and group."""
    return use_passkey(conn, party, assertion, challenge_of(document), at)


@lru_cache(maxsize=N_KNOWN)
def is_signed(party: Party, public_key: bytes, document: bytes, assertion: Assertion) -> bool:
    """Whether a key has signed a document at our desk, its person verified.   The counter is the caller's.

    Cost: some 200 µs, once for each."""
    name = bytes_to_base64url(assertion.credential)
    response = {
        "authenticatorData": bytes_to_base64url(assertion.authenticator_data),
        "clientDataJSON": bytes_to_base64url(assertion.client_data),
        "signature": bytes_to_base64url(assertion.signature),
    }
    try:
        with as_bad_response():
            webauthn.verify_authentication_response(
                credential={"id": name, "rawId": name, "type": "public-key", "response": response},
                expected_challenge=challenge_of(document),
                expected_rp_id=party.host,
                expected_origin=party.origin,
                credential_public_key=public_key,
                credential_current_sign_count=0,
                require_user_verification=True,
            )
    except BadResponse:
        return False
    return True
