"""An order as the desk's pages show it: its state and clock in words, and what its form must send back.

Invariants: an order that may stand nowhere in clear is shown as number, digest and counts alone.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from markupsafe import Markup
from sqlalchemy import Connection, Row

from mgmt.orders.base.sealed import is_sealed, why_sealed
from mgmt.orders.phases.states import State
from mgmt.orders.store import View, orders_json
from mgmt.text.language import language

TAG_CHARACTERS = 32  # 128 bits


class Clock(NamedTuple):
    """How an order stands to its deadline.   words  None: it has none"""

    words: Markup | None
    is_late: bool


class OrderView(NamedTuple):
    """An order on a page.   counts  of entries, by status;   tag  of what the page shows of it: see tag_of()

    named, ground  '' where it is sealed: `named` then has its digest alone"""

    id: int
    named: str
    ground: str
    is_sealed: bool
    state: str
    clock: Markup | None
    is_late: bool
    is_emergency: bool
    received: str
    scope: str
    sha256: str
    lapses: str | None
    withdrawn: str | None
    withdrawal_reason: str | None
    steps: list[dict[str, str]]
    counts: dict[str, int]
    lists: list[dict[str, Any]]
    version: int
    replaced_by: int | None
    review: str | None
    expires: str | None
    canary: dict[str, Any] | None
    shadow: dict[str, Any] | None
    tag: str


def seen(conn: Connection, rows: Sequence[Row[Any]], view: View) -> list[OrderView]:
    """Orders as pages show them.   view  with the time of their clocks.   Cost: as orders_json()"""
    assert view.at is not None
    return [_seen(each, view.at) for each in orders_json(conn, rows, view)]


def named(order: Row[Any]) -> str:
    """An order by issuer and reference; one that is sealed by its digest."""
    return _named(order.issuer, order.ref, order.sha256.hex(), is_sealed=is_sealed(order))


def tag_of(counts: dict[str, int], withdrawn: str | None) -> str:
    """What changes whenever the entries of an order stand otherwise, or it is asked back: a form sends it again."""
    return hashlib.sha256(repr((sorted(counts.items()), withdrawn)).encode()).hexdigest()[:TAG_CHARACTERS]


# ----------------------------------------------------------------------------------------------------------------------


def _seen(order: dict[str, Any], now: datetime) -> OrderView:
    sealed = any(why_sealed(order[field] or "") for field in ("ground", "ref"))
    clock = _clock_of(order, now)
    steps = order["steps"]
    about = ("id", "received", "scope", "sha256", "lapses", "counts", "lists", "version", "review", "expires")
    ends, tried = ("withdrawn", "withdrawal_reason", "replaced_by"), ("canary", "shadow")
    return OrderView(
        named=_named(order["issuer"], order["ref"], order["sha256"], is_sealed=sealed),
        ground="" if sealed else order["ground"] or "",
        is_sealed=sealed,
        state=steps[-1]["state"] if steps else State.RECEIVED,
        clock=clock.words,
        is_late=clock.is_late,
        is_emergency=order["emergency"],
        steps=steps,
        tag=tag_of(order["counts"], order["withdrawn"]),
        **{name: order[name] for name in (*about, *ends, *tried)},
    )


def _named(issuer: str, ref: str, sha256: str, *, is_sealed: bool) -> str:
    return f"{issuer}, sealed, digest {sha256[:16]}" if is_sealed else f"{issuer} {ref}"


def _clock_of(order: dict[str, Any], now: datetime) -> Clock:
    found, t = order["clock"], language("en")
    if found is None or found["state"] == "ended":
        return Clock(None, is_late=False)
    due = datetime.fromisoformat(found["due"])
    if found["stopped"] is not None:
        stopped, is_late = datetime.fromisoformat(found["stopped"]), found["state"] == "late"
        how = "after" if is_late else "before"
        return Clock(Markup("Confirmed {} {} its time.").format(t.span(abs(due - stopped)), how), is_late)
    written = due.strftime("%Y-%m-%d %H:%M")
    if found["state"] == "overdue":
        return Clock(Markup("Late since {}, by {}.").format(written, t.span(now - due)), is_late=True)
    return Clock(Markup("Due {}, {} left.").format(written, t.span(due - now)), is_late=False)
