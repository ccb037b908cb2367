"""Gateways with one database, which say how they try orders, and are compared."""

import pytest
from sqlalchemy import Connection

from mgmt.orders.phases.canary_gateways import GONE_S, Gateway, difference, say
from mgmt.orders.phases.canary_rules import Policy

NOW_S = 1_800_000_000
FIRST = Policy("gw1", "gw1", 600, 1000)


def gateway(node: str, policy: Policy | None = FIRST) -> Gateway:
    return Gateway(node, policy if policy is None else policy._replace(here=node))


def faults(conn: Connection, *said: Gateway, ago_s: int = 0) -> list[str | None]:
    """What each of some gateways finds, the first of which has said it before."""
    for at, each in enumerate(said):
        say(conn, each, NOW_S - (0 if at else ago_s))
    return [difference(conn, each, NOW_S) for each in said]


def test_gateways_that_are_set_alike_have_no_fault(conn: Connection) -> None:
    assert faults(conn, gateway("gw1"), gateway("gw2")) == [None, None]


@pytest.mark.parametrize("other", [None, FIRST._replace(lasts_s=60), FIRST._replace(gateway="gw2")])
def test_gateways_that_differ_say_so_on_each_of_them_and_who_says_what(conn: Connection, other: Policy | None) -> None:
    found = faults(conn, gateway("gw1"), gateway("gw2", other))

    assert found[0] == found[1] and found[0] is not None
    assert "gw1: on gw1 for 600 s" in found[0] and ("gw2: none" in found[0]) is (other is None)


def test_a_difference_is_over_once_the_other_gateway_says_the_same(conn: Connection) -> None:
    assert None not in faults(conn, gateway("gw1"), gateway("gw2", None))
    assert faults(conn, gateway("gw1"), gateway("gw2")) == [None, None]


def test_a_gateway_that_has_been_silent_for_an_hour_is_not_compared(conn: Connection) -> None:
    assert None not in faults(conn, gateway("old", None), gateway("gw1"), ago_s=GONE_S - 1)
    assert faults(conn, gateway("old", None), gateway("gw1"), ago_s=GONE_S)[1] is None


def test_a_canary_gateway_that_is_not_there_is_a_fault_since_every_order_waits_for_it(conn: Connection) -> None:
    (found,) = faults(conn, gateway("gw2"))
    assert found is not None and "no gateway called gw1 has been seen" in found


def test_two_gateways_of_one_name_are_a_fault(conn: Connection) -> None:
    found = faults(conn, Gateway("one", FIRST), Gateway("two", FIRST))
    assert (
        found[0]
        == found[1]
        == ("several gateways are called gw1; they share one trial; write /orders/canary/name, one for each")
    )


def test_without_a_canary_anywhere_nothing_is_compared(conn: Connection) -> None:
    assert faults(conn, gateway("gw1", None), gateway("gw2", None)) == [None, None]
