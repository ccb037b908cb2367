"""Pages that an order names by `https://`: no one on the way sees their path, so they are open over HTTPS unless the
order closes their host as well.

    enforced_http_only ←→ not_visible_over_https, by what else of the same order is in force

Invariants: a page is called visible only by entries of its own order, so that what another order's withdrawal opens is
never called closed; its rule is the same in both states, since over plain HTTP it holds.  What changes is found here,
and written by mgmt.orders.decisions alone.
Source: semantics §6.3.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, or_, select

from mgmt.orders.base.cover import Cover
from mgmt.orders.base.judge import host_of_entry
from mgmt.orders.base.live import BY_ITS_HOST
from mgmt.orders.base.model import SCOPES, EntryMode, EntryStatus, name_text
from parental.store.schema.orders import entries

_BATCH = 500
# As a person may write the scheme: the parser takes hxxps as well.
_IS_HTTPS = or_(entries.c.value.ilike("%https://%"), entries.c.value.ilike("%hxxps://%"))
_IS_PAGE = (
    entries.c.mode.in_((EntryMode.URL, EntryMode.URL_PREFIX))
    & entries.c.status.in_((EntryStatus.ENFORCED_HTTP, EntryStatus.NOT_VISIBLE))
    & _IS_HTTPS
)


class PageStatus(NamedTuple):
    """What is to be written of one page."""

    order: int
    number: int
    status: EntryStatus


def changed_pages(conn: Connection, numbers: Iterable[object]) -> list[PageStatus]:
    """The pages of orders of which HTTPS hides what it did not hide, or hides no more.   numbers  of orders

    Cost: one query of an index for 500 orders, where none of them has such a page"""
    chosen = sorted(each for each in set(numbers) if isinstance(each, int))
    pages: list[Row[Any]] = []
    for first in range(0, len(chosen), _BATCH):
        some = entries.c.order.in_(chosen[first : first + _BATCH])
        pages += conn.execute(select(entries).where(some, _IS_PAGE)).all()
    closed = {order: _closed_by(conn, order) for order in {page.order for page in pages}}
    said = [(page, _status(page, closed[page.order])) for page in pages]
    return [PageStatus(page.order, page.number, status) for page, status in said if status != page.status]


def is_https(value: str) -> bool:
    """Whether an entry says that it is a page over HTTPS."""
    return value.strip().lower().startswith(("https://", "hxxps://"))


# ----------------------------------------------------------------------------------------------------------------------


def _status(page: Row[Any], closed: Cover) -> EntryStatus:
    host = host_of_entry(page.value)
    is_hidden = is_https(page.value) and (host is None or not closed.has_name(name_text(host)))
    return EntryStatus.NOT_VISIBLE if is_hidden else EntryStatus.ENFORCED_HTTP


def _closed_by(conn: Connection, order: int) -> Cover:
    """The names that an order closes, each on every channel."""
    names = select(entries.c.wire, entries.c.mode).where(entries.c.order == order)
    found = conn.execute(names.where(entries.c.status == EntryStatus.ENFORCED, entries.c.mode.in_(SCOPES)))
    rules = [(row.wire, EntryMode(row.mode)) for row in found]
    hosts = conn.execute(select(entries.c.value).where(entries.c.order == order, BY_ITS_HOST)).scalars()
    return Cover([*rules, *((host, EntryMode.EXACT) for each in hosts if (host := host_of_entry(each)) is not None)])
