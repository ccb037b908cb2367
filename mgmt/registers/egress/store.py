"""What gateways say of the addresses from which they ask DNS, the statements made of it, and who has taken one.

Invariants: a gateway says only its own; control alone signs; statements are added and never changed; each new one is
an event of the ledger, with the digest of the one before.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, func, insert, select

from mgmt.ledger.checkpoint import Signer
from mgmt.ledger.event import CONTROL, SETTINGS, Event, time_text
from mgmt.ledger.signed_statement import digest_of
from mgmt.ledger.store import append
from mgmt.registers.egress.statement import FORMAT, Gateway, Statement, note_of, text_of
from parental.store.database import upsert
from parental.store.schema.registers import dns_source_exports, dns_source_statements, dns_sources

SILENT = timedelta(days=30)  # a gateway that has said nothing for so long does not exist any more


class SignedStatement(NamedTuple):
    """A statement.   text, note  as signed"""

    id: int
    text: str
    note: str


def tell(conn: Connection, gateway: Gateway, signer: Signer, now: datetime) -> bool:
    """Note what a gateway says of itself, and sign a new statement where anything has changed; whether it has."""
    now_s = int(now.timestamp())
    row = {"node": gateway.node, "text": msgspec.json.encode(gateway).decode(), "told_s": now_s}
    put = upsert(conn, dns_sources).values(row)
    conn.execute(put.on_conflict_do_update(index_elements=["node"], set_={"text": row["text"], "told_s": now_s}))
    found = _gateways(conn, now)
    before = newest(conn)
    if before is not None and msgspec.json.decode(before.text, type=Statement).gateways == found:
        return False
    if before is None and not any(each.sources or not each.is_whole for each in found):
        return False
    text = text_of(Statement(FORMAT, time_text(now_s * 1000), found))
    values = {"made_s": now_s, "text": text, "note": note_of(signer, text)}
    conn.execute(insert(dns_source_statements).values(values))
    said = {"before": None if before is None else digest_of(before.text), "sha256": digest_of(text)}
    append(conn, Event(SETTINGS, "dns sources changed", CONTROL, {"node": gateway.node}, said), now)
    return True


def newest(conn: Connection) -> SignedStatement | None:
    """The statement that holds."""
    chosen = select(*dns_source_statements.c[SignedStatement._fields]).order_by(dns_source_statements.c.id.desc())
    row = conn.execute(chosen.limit(1)).one_or_none()
    return None if row is None else SignedStatement._make(row)


def note_export(conn: Connection, statement: int, now: datetime) -> None:
    """Note that someone has taken a statement."""
    values = {"statement": statement, "taken_s": int(now.timestamp())}
    conn.execute(upsert(conn, dns_source_exports).values(values).on_conflict_do_nothing())


def is_untaken(conn: Connection) -> bool:
    """Whether the addresses have changed since someone took a statement last."""
    last = conn.execute(select(func.max(dns_source_statements.c.id))).scalar_one()
    taken = conn.execute(select(func.max(dns_source_exports.c.statement))).scalar_one()
    return last is not None and (taken is None or taken < last)


# ----------------------------------------------------------------------------------------------------------------------


def _gateways(conn: Connection, now: datetime) -> list[Gateway]:
    since_s = int((now - SILENT).timestamp())
    texts = conn.execute(
        select(dns_sources.c.text).where(dns_sources.c.told_s >= since_s).order_by(dns_sources.c.node)
    ).scalars()
    return [msgspec.json.decode(text, type=Gateway) for text in texts]
