"""Whose a client's certificate is, said on the box."""

import hashlib
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from mgmt.ledger.event import STAFF, Actor, Event, Value
from mgmt.ledger.store import append
from mgmt.staff.issuers import find_issuer
from mgmt.staff.people import find_person
from parental.store.schema.access import client_certificates


def bind_certificate(
    conn: Connection, certificate: bytes, issuer: str | None, mail: str | None, by: Actor, at: datetime
) -> None:
    """Bind a certificate to an issuer or to a person; of the two, one is None.   certificate  DER

    Raises LookupError: unknown; ValueError: it is bound already."""
    if issuer is not None and find_issuer(conn, issuer) is None:
        raise LookupError(f"issuer {issuer[:40]!r}: not known; not bound; see: filterd staff review")
    person = None if mail is None else find_person(conn, mail).number
    name = hashlib.sha256(certificate).digest()
    known = select(client_certificates.c.sha256).where(client_certificates.c.sha256 == name)
    if conn.execute(known).first() is not None:
        raise ValueError("certificate: it is bound already, or ended; not bound; have a new one made")
    row = {"sha256": name, "issuer": issuer, "staff": person, "put_s": int(at.timestamp())}
    conn.execute(insert(client_certificates).values(**row))
    about: dict[str, Value] = {"issuer": issuer} if issuer is not None else {"staff": person}
    append(conn, Event(STAFF, "certificate bound", by, about, {"sha256": name.hex()}), at)


def end_certificate(conn: Connection, certificate: bytes, by: Actor, at: datetime) -> None:
    """Take it no longer.   Raises LookupError: it is not bound, or has ended."""
    name = hashlib.sha256(certificate).digest()
    chosen = client_certificates.c.sha256 == name, client_certificates.c.ended_s.is_(None)
    if not conn.execute(update(client_certificates).where(*chosen).values(ended_s=int(at.timestamp()))).rowcount:
        raise LookupError("certificate: not bound, or ended already; nothing done; look at the file")
    append(conn, Event(STAFF, "certificate ended", by, said={"sha256": name.hex()}), at)
