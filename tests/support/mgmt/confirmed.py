"""An order that is in force, verified by the traffic, played, and confirmed by control."""

from datetime import timedelta

import msgspec
from sqlalchemy import Connection, func, insert, select
from support.mgmt.orders import NOW, publish, push

from mgmt.ledger.checkpoint import Signer
from mgmt.ledger.event import Actor
from mgmt.orders.confirmation.replies import confirm, due
from mgmt.orders.confirmation.signed import note_of
from mgmt.orders.confirmation.statement import statement_of
from mgmt.orders.confirmation.verifications import Verification, in_force, put_verification, revision_of
from parental.store.schema.confirmations import confirmations, verifications

SIGNER = Signer(b"k" * 32, "gw1/filterd-ledger")
VALUES = ("bad.example", "http://shared.example/a", "com.pk", "=cmd|' /C calc'!A0", "bad.example", "bank.test")
WAYS = ("dns-udp-4", "tls-4")


def report_of(conn: Connection, order: int) -> str:
    """As the verifier writes it, where all was blocked."""
    rows = in_force(conn, order)
    results = [{"number": row.number, "at_ms": 1785772830000, "ways": dict.fromkeys(WAYS, "here")} for row in rows]
    said = {"node": "gw1", "ways": list(WAYS), "entries": len(rows), "asked": len(rows), "results": results}
    return msgspec.json.encode(said | {"too_wide": [], "not_here": []}, order="sorted").decode()


def verified(conn: Connection, order: int, state: str = "verified") -> None:
    at = NOW + timedelta(seconds=30)
    said = Verification(order, at, 900, revision_of(conn, order), state, report_of(conn, order), {"here": 4})
    put_verification(conn, said, Actor("account", "root"))


def confirmed(conn: Connection, *values: str, ref: str = "PTA/WA/1") -> int:
    """The order's number."""
    order = push(conn, *(values or VALUES), ref=ref)
    publish(conn)
    verified(conn, order)
    for each in due(conn, 9):
        assert confirm(conn, each, SIGNER, NOW + timedelta(seconds=31))
    return order


def answer(conn: Connection, order: int) -> None:
    """A confirmation of an order, whatever has become of it."""
    verified(conn, order, "incomplete")
    (verification,) = conn.execute(select(func.max(verifications.c.id))).one()
    text = statement_of(conn, order, verification, 0, is_confirmed=True)
    row = {"order": order, "verification": verification, "revision": revision_of(conn, order), "at_ms": 0}
    conn.execute(insert(confirmations).values(row | {"text": text, "note": note_of(SIGNER, order, text)}))
