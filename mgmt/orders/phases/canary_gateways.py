"""How the gateways with one database are set to try orders: each says it, and each compares it with what others say.

Where they differ, one may put an order in force at once that another still tries.  Nothing is decided by what stands
here; it is a fault that a person corrects.
Invariants: a gateway that has said nothing for an hour is taken for gone; control alone writes.
Source: docs/desk/orders.md.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, select

from mgmt.orders.phases.canary_rules import Policy
from parental.store.database import upsert
from parental.store.schema.canaries import gateway_settings

GONE_S = 3600  # of a gateway that is down for longer its operator knows; a name that is used no more is not compared


class Gateway(NamedTuple):
    """This one.   node  its host's name;   policy  None: no gateway tries orders"""

    node: str
    policy: Policy | None


def say(conn: Connection, gateway: Gateway, now_s: int) -> None:
    """Say how this gateway is set.   conn  may write"""
    policy = gateway.policy
    said = {
        "gateway": gateway.node if policy is None else policy.here,
        "canary": "" if policy is None else _words(policy),
        "at_s": now_s,
    }
    put = upsert(conn, gateway_settings).values(node=gateway.node, **said)
    conn.execute(put.on_conflict_do_update(index_elements=["node"], set_=said))


def difference(conn: Connection, gateway: Gateway, now_s: int) -> str | None:
    """What is wrong between this gateway and the others, once it has said how it is set; None: nothing."""
    of = gateway_settings.c
    rows = conn.execute(select(gateway_settings).where(of.at_s > now_s - GONE_S).order_by(of.node)).all()
    if len({row.canary for row in rows}) > 1:
        said = "; ".join(f"{row.node}: {row.canary or 'none'}" for row in rows)
        do = "write the same on all of them, and restart their control"
        return f"/orders/canary differs, so an order may be in force on one that another still tries ({said}); {do}"
    if gateway.policy is None:
        return None
    return _misnamed(rows, gateway.policy)


# ----------------------------------------------------------------------------------------------------------------------


def _words(policy: Policy) -> str:
    limits = f"at most {policy.most_blocks} blocks a minute, {policy.most_times} times the usual"
    return f"on {policy.gateway} for {policy.lasts_s} s, {limits} (0: no limit)"


def _misnamed(rows: Sequence[Row[Any]], policy: Policy) -> str | None:
    names = [row.gateway for row in rows]
    twice = next((each for each in names if names.count(each) > 1), None)
    if twice is not None:
        return f"several gateways are called {twice}; they share one trial; write /orders/canary/name, one for each"
    if policy.gateway not in names:
        do = "start it, or correct /orders/canary/gateway on all of them"
        return f"no gateway called {policy.gateway} has been seen for an hour; orders that it is to try wait; {do}"
    return None
