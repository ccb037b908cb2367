"""A person of the desk agrees to a document, such as an order, by a passkey: what is signed is the document's digest.

Whoever decides checks this itself, over the document that it has read itself.  The same document can be agreed to again
by the same answer: agreeing twice is agreeing once, so whoever asks keeps the first.
"""

import hashlib
from datetime import datetime

from sqlalchemy import Connection

from mgmt.staff.passkeys import Party, Use, use_passkey


def challenge_of(document: bytes) -> bytes:
    """What a browser is asked to sign (mgmt.staff.passkeys.request_options)."""
    return hashlib.sha256(document).digest()


def approver_of(conn: Connection, party: Party, document: bytes, assertion: str, at: datetime) -> Use:
    """Who agrees to a document; of nobody, why not.

    conn  of a transaction that writes: the passkey's counter, and an event where it is a copy
    assertion  PublicKeyCredential.toJSON() of the browser, as text.   The caller asks for role and group."""
    return use_passkey(conn, party, assertion, challenge_of(document), at)
