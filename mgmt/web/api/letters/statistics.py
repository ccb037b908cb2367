"""/v1/order-statistics: how the orders of each issuer have gone in a span of time.

A path of its own, since an order may have any reference.
"""

from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from aiohttp import web
from msgspec import Meta, Struct

from mgmt.contract.fields import unfit
from mgmt.contract.shapes import Instant, Line
from mgmt.orders.deadlines.statistics import Statistics, statistics_of
from mgmt.staff.permissions import Reach
from mgmt.web.kit.app_context import CLOCK, SETTINGS, json_response, read
from mgmt.web.kit.auth import Principal, Route
from mgmt.web.kit.contract import Contract
from mgmt.web.kit.requests import query_of

LONGEST = timedelta(days=366)
DEFAULT = timedelta(days=30)


class Span(Struct, forbid_unknown_fields=True):
    """Which orders: by when they were received."""

    since: Annotated[Instant | None, Meta(description="From then on; left out: 30 days before `until`.")] = None
    until: Annotated[Instant | None, Meta(description="Before then; left out: now.")] = None
    issuer: Annotated[Line | None, Meta(description="Whose; left out: all.")] = None


class OrderDurations(Struct):
    """From the receipt of an order, in seconds."""

    orders: Annotated[int, Meta(description="That have come so far.")]
    median_s: float | None
    p95_s: float | None


class OfIssuer(Struct, kw_only=True):
    """How the orders of an issuer have gone."""

    issuer: str
    orders: int
    enforced: Annotated[OrderDurations, Meta(description="Until every worker served them, in whole or in part.")]
    confirmed: OrderDurations
    in_time: Annotated[int, Meta(description="Confirmed by the time that they were due.")]
    late: Annotated[int, Meta(description="Confirmed later.")]
    overdue: Annotated[int, Meta(description="Due, and not confirmed.")]
    ended: Annotated[int, Meta(description="Withdrawn, expired or rejected before they were confirmed.")]
    entries_in_force: Annotated[int, Meta(description="Of confirmed orders.")]
    entries_asked: Annotated[int, Meta(description="Of those: about which the traffic was asked.")]
    questions: Annotated[int, Meta(description="That the traffic was asked about them.")]
    blocked_here: Annotated[int, Meta(description="Of those: that this box has blocked.")]
    corrected: Annotated[int, Meta(description="Orders that a correction has replaced.")]
    expired: Annotated[int, Meta(description="Orders whose last day, as ordered, is over.")]
    past_review: Annotated[int, Meta(description="Orders in force that are to be looked at again.")]
    in_shadow: Annotated[int, Meta(description="Orders that are not enforced, but counted; their clocks run.")]


class OrderStatistics(Struct):
    """Issuers by name, without those that had no order."""

    since: str
    until: str
    issuers: list[OfIssuer]


async def show_statistics(request: web.Request, principal: Principal) -> web.Response:
    """Show how orders have gone, by issuer; a regulator's token sees its own."""
    said, now, settings = query_of(request, Span), request.app[CLOCK](), request.app[SETTINGS]
    zone = ZoneInfo(settings.zone)
    try:
        until = said.until or now
        since = said.since or until - DEFAULT
        _iso(since, zone), _iso(until, zone)
    except OverflowError as reason:
        raise unfit("?until", "beyond the calendar", "write times of this century") from reason
    if not timedelta() < until - since <= LONGEST:
        raise unfit("?since", f"a span of {until - since}", f"write one before until, at most {LONGEST.days} days")
    issuer = said.issuer if principal.reach is Reach.ALL else principal.issuer or ""
    found = await read(request, lambda conn: statistics_of(conn, settings.clocks, since, until, now, issuer))
    return json_response(OrderStatistics(_iso(since, zone), _iso(until, zone), [_shown(each) for each in found]))


def _iso(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).isoformat(timespec="milliseconds")


def _shown(each: Statistics) -> OfIssuer:
    return OfIssuer(
        issuer=each.issuer,
        orders=each.orders,
        enforced=OrderDurations(*each.enforced),
        confirmed=OrderDurations(*each.confirmed),
        in_time=each.in_time,
        late=each.late,
        overdue=each.overdue,
        ended=each.ended,
        entries_in_force=each.in_force,
        entries_asked=each.asked,
        questions=each.questions,
        blocked_here=each.blocked,
        corrected=each.corrected,
        expired=each.expired,
        past_review=each.past_review,
        in_shadow=each.in_shadow,
    )


ROUTES = (
    Route(
        "GET",
        "/v1/order-statistics",
        show_statistics,
        "orders.read",
        Contract({200: OrderStatistics}, query=Span),
    ),
)
