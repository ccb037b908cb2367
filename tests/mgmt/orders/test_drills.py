"""What orders have closed by mistake, pushed again: each is held by a rail, and the entry says by which."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection
from support.mgmt.orders import NOW, publish, push, statuses

from mgmt.orders.approvals import Proposal, approve, propose
from mgmt.orders.base.live import live_entries
from mgmt.orders.store import get_order
from mgmt.staff.approvals.rules import Signatory
from rules.base.critical import critical
from rules.base.protected import ProtectedNames
from rules.base.watched import WatchedNames

KHAN, ALI = Signatory("A. Khan", "compliance", "root"), Signatory("B. Ali", "approver", "root")
UNTIL = NOW + timedelta(days=9)
BOX: dict[str, Any] = {"protected": ProtectedNames(watched=WatchedNames(critical()))}


def proposal(kind: str, collateral: str) -> Proposal:
    return Proposal(kind=kind, number=1, reason="by law", reference="WA/9", collateral=collateral, expires=UNTIL)


def held_by(conn: Connection, *values: str) -> list[str]:
    """What is said of each entry of an order that control has decided on: the rail that holds it, or its status."""
    order = push(conn, *values)
    publish(conn, **BOX)
    return [
        str(reason).removeprefix("control: ") if status == "pending_review" else status
        for status, reason in statuses(conn, order)
    ]


def test_pakistan_2019_popular_shops_are_held_and_the_rest_of_the_order_is_in_force(conn: Connection) -> None:
    shop = "is watched (pk-critical, shop): held for review"
    news = "is watched (pk-critical, news): held for review"

    found = held_by(conn, "alibaba.com", "www.aliexpress.com", "bad.test", "bloomberg.com", "www.buzzfeed.com")

    assert found == [shop, shop, "enforced", news, news]


def test_pakistan_2023_the_whole_of_wikipedia_is_held_and_a_page_of_it_is_not(conn: Connection) -> None:
    found = held_by(conn, "wikipedia.org", "ur.wikipedia.org", "http://en.wikipedia.org/wiki/A_page")

    assert found == ["is watched (pk-critical, platform): held for review"] * 2 + ["enforced_http_only"]


def test_italy_2024_a_host_of_a_platform_is_held(conn: Connection) -> None:
    found = held_by(conn, "drive.usercontent.google.com")

    assert found == ["is watched (pk-critical, platform): held for review"]


@pytest.mark.parametrize("name", ["nadra.gov.pk", "portal.nust.edu.pk", "www.hbl.com", "siut.org", "nayatel.com"])
def test_what_a_country_cannot_do_without_is_held(conn: Connection, name: str) -> None:
    assert held_by(conn, name)[0].startswith("is watched (pk-critical, ")


def test_a_watched_name_is_closed_by_two_persons_until_their_day(conn: Connection) -> None:
    order = push(conn, "x.com")
    publish(conn, **BOX)
    assert list(live_entries(conn)) == []

    said = proposal("held", "everyone who uses it")
    approve(conn, propose(conn, get_order(conn, order), said, KHAN, NOW), ALI, NOW)
    publish(conn, **BOX)
    assert statuses(conn, order) == [("enforced", None)]

    publish(conn, UNTIL, **BOX)
    assert [status for status, _ in statuses(conn, order)] == ["pending_review"]


def test_a_site_is_closed_for_one_of_its_pages_by_two_persons_though_it_is_watched(conn: Connection) -> None:
    order = push(conn, "https://www.dawn.com/a")
    said = proposal("broader", "all of its readers")
    approve(conn, propose(conn, get_order(conn, order), said, KHAN, NOW), ALI, NOW)
    publish(conn, **BOX)

    assert statuses(conn, order) == [("enforced_broader", "by law")]
