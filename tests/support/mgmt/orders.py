"""Orders as tests push them, and what control, played, makes of them."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from ipaddress import ip_network
from typing import Any

from sqlalchemy import Connection, select

from filterd.images.lists.order_rails import OrderRails
from filterd.images.lists.sources import ORDERS_LIST
from mgmt.ledger.event import CONTROL
from mgmt.orders.base.judge import judge_entries
from mgmt.orders.base.model import Order
from mgmt.orders.decisions import confirm, settle, taken
from mgmt.orders.phases.canary_rules import Policy
from mgmt.orders.store import page_of_entries, put_order
from mgmt.staff.approvals.proof import BY_NAMES, Proof
from parental.store.schema.ledger import events
from rules.base.hosts_of_many import Hosting, HostingList
from rules.base.protected import ProtectedNames
from rules.lists.source import describe_source

NOW = datetime(2026, 8, 3, 16, tzinfo=UTC)
RECEIPT = {"generation": 9, "workers": []}
PROTECTED = ProtectedNames(["bank.test"], ["203.0.113.53/32"])
HOSTING = Hosting([HostingList("a cloud", date(2026, 8, 1), (ip_network("198.51.100.0/25"),))])


def rails(
    *,
    has_gate: bool = True,
    stops_names: bool = True,
    proof: Proof = BY_NAMES,
    protected: ProtectedNames = PROTECTED,
    canary: Policy | None = None,
) -> OrderRails:
    """Control's, with a protected name, a protected address and a host of many sites."""
    source = describe_source(ORDERS_LIST, None, {"tier": "order"})
    box: dict[str, Any] = {"has_gate": has_gate, "stops_names": stops_names}
    return OrderRails(source, protected, HOSTING, **box, proof=proof, canary=canary)


def push(
    conn: Connection,
    *values: str,
    ref: str = "1",
    at: datetime = NOW,
    emergency: bool = False,
    ground: str = "g",
    **box: bool,
) -> int:
    """Store an order, as the API does; its number.   box  what this one has, as judge_entries()"""
    order = Order("PTA", ref, ground, "subtree", None, emergency, tuple((value, "subtree") for value in values))
    return put_order(conn, order, judge_entries(order, ProtectedNames(), **box), b"{}", at, CONTROL)


def publish(conn: Connection, at: datetime = NOW, **box: Any) -> None:
    """What control does with a change, where every worker takes it."""
    settle(conn, rails(**box), 0, at)
    confirm(conn, taken(conn), RECEIPT, at, box.get("canary"))


def statuses(conn: Connection, order: int) -> list[tuple[str, str | None]]:
    """(status, reason) of each entry."""
    return [(entry.status, entry.reason) for entry in page_of_entries(conn, order, 0, 100)]


def said(conn: Connection) -> Sequence[Any]:
    """Every event, oldest first."""
    return [json.loads(text) for text in conn.execute(select(events.c.text).order_by(events.c.number)).scalars()]
