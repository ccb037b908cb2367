from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from fastpath.images.decision import ListInForce
from fastpath.images.verdict import Action, Channel, Tier
from fastpath.report.counters import Counters
from filterd.audit.drain import Ledger, drain_confidential
from filterd.audit.list_counts import BYPASS, attempts, drain_counted, shadowed
from mgmt.ledger.event import CONTROL
from mgmt.orders.base.model import Order
from mgmt.orders.phases.shadow_places import SHADOW_LISTS
from mgmt.orders.phases.shadow_store import enter, newest
from mgmt.orders.store import put_order
from mgmt.registers.records.block_ledger import iter_csam_counts
from parental.store.database import reading, writing

PTA = ListInForce("pta", Tier.ORDER, Action.SPLASH, confidential=False)
STOP = ListInForce("stop", Tier.CSAM, Action.SPLASH, confidential=True)
ONE = ListInForce("one", Tier.ORDER, Action.SHADOW, confidential=False)
TWO = ListInForce("two", Tier.SECURITY, Action.SHADOW, confidential=False)


def order_of(ref: str) -> Order:
    return Order("PTA", ref, "g", "exact", None, False, (), is_shadow=True)


COUNTED_AT = 1152  # fastpath/report/counters.pxd


@pytest.fixture
def folder(tmp_path: Path) -> Any:
    (tmp_path / "counters").mkdir()
    return tmp_path / "counters"


def set_count(path: Path, number: int, channel: int, total: int) -> None:
    Counters(path)
    with path.open("r+b") as file:
        file.seek(8 * (COUNTED_AT + number * 8 + channel))
        file.write(total.to_bytes(8, "little"))


def test_the_counts_of_all_workers_are_told_by_list_and_channel_and_none_twice(engine: Engine, folder: Path) -> None:
    for worker, number, channel, total in (
        ("dns-0", 1, Channel.DNS, 3),
        ("dns-0", 1, Channel.DNS, 5),
        ("dns-1", 1, Channel.DNS, 4),
        ("gate-0", 1, Channel.QUIC, 6),
        ("gate-0", 1, Channel.QUIC, 6),
    ):
        set_count(folder / worker, number, channel, total)
        drain_counted(folder.glob("*"), [PTA, ONE, TWO], engine, "box")

    assert shadowed(engine, [PTA, ONE, TWO]) == {"one": {"dns": 9, "quic": 6}, "two": {}}


def test_what_an_order_in_shadow_would_block_is_counted_for_it_alone_and_not_as_a_list(
    engine: Engine, folder: Path
) -> None:
    lists = [PTA, ONE, *(ONE._replace(id=each) for each in SHADOW_LISTS)]
    with writing(engine) as conn:
        orders = [put_order(conn, order_of(each), (), b"", datetime.now(UTC), CONTROL) for each in "12"]
        enter(conn, orders, datetime.now(UTC))
    shadows = {SHADOW_LISTS[0]: 1, SHADOW_LISTS[1]: 2}
    for worker, number, channel, total in (
        ("dns-0", 2, Channel.DNS, 3),
        ("dns-0", 2, Channel.DNS, 5),
        ("gate-0", 2, Channel.SNI, 4),
        ("gate-0", 3, Channel.SNI, 1),
        ("gate-0", 4, Channel.SNI, 9),  # of a place that no order has any more
        ("gate-0", 1, Channel.SNI, 7),
    ):
        set_count(folder / worker, number, channel, total)
        drain_counted(folder.glob("*"), lists, engine, "box", shadows)

    with reading(engine) as conn:
        found = {order: shadow.hits for order, shadow in newest(conn, orders).items()}
    assert found == {orders[0]: {"dns": 5, "sni": 4}, orders[1]: {"sni": 1}}
    assert shadowed(engine, lists) == {"one": {"sni": 7}}


def test_lists_of_ways_around_are_told_apart_from_those_that_are_tried(engine: Engine, folder: Path) -> None:
    tor = ListInForce("tor", Tier.CATEGORY, Action.SPLASH, confidential=False, category=BYPASS)
    vpn = tor._replace(id="vpn", action=Action.SHADOW)
    secret = tor._replace(id="secret", confidential=True)
    lists = [tor, vpn, secret, tor._replace(id="games", category=BYPASS + 1)]
    for number in range(4):
        set_count(folder / "gate-0", number, Channel.SNI, 3 + number)
    drain_counted(folder.glob("*"), lists, engine, "box")

    assert attempts(engine, lists) == {"tor": {"sni": 3}}
    assert shadowed(engine, lists) == {"vpn": {"sni": 4}}


def test_a_counter_that_began_anew_counts_from_zero(engine: Engine, folder: Path) -> None:
    for total in (5, 2):
        set_count(folder / "dns-0", 0, Channel.DNS, total)
        drain_counted(folder.glob("*"), [ONE], engine, "box")

    assert shadowed(engine, [ONE]) == {"one": {"dns": 7}}


def test_counts_stay_with_their_list_when_it_gets_another_number(engine: Engine, folder: Path) -> None:
    set_count(folder / "dns-0", 0, Channel.DNS, 3)
    drain_counted(folder.glob("*"), [ONE, TWO], engine, "box")
    set_count(folder / "dns-0", 0, Channel.DNS, 4)
    drain_counted(folder.glob("*"), [TWO, ONE], engine, "box")

    assert shadowed(engine, [ONE, TWO]) == {"one": {"dns": 3}, "two": {"dns": 1}}


def test_whatever_number_a_list_gets_nothing_of_the_shadow_is_counted_as_csam(
    engine: Engine, folder: Path, tmp_path: Path
) -> None:
    ledger = Ledger(engine, bytes(32), "node-1")
    for total, lists in ((3, [ONE, STOP]), (4, [STOP])):
        set_count(folder / "dns-0", 0, Channel.DNS, total)
        drain_confidential(folder.glob("*"), [each.id for each in lists], 1_800_000_000, ledger)
        drain_counted(folder.glob("*"), lists, engine, "box")

    with reading(engine) as conn:
        assert list(iter_csam_counts(conn, 0, 2**40)) == []


def test_a_list_that_is_enforced_or_gone_is_forgotten_and_begins_at_nothing_when_tried_again(
    engine: Engine, folder: Path
) -> None:
    for number, total in ((0, 2), (1, 3)):
        set_count(folder / "dns-0", number, Channel.DNS, total)
    drain_counted(folder.glob("*"), [ONE, TWO], engine, "box")

    drain_counted(folder.glob("*"), [ONE._replace(action=Action.SPLASH), TWO], engine, "box")

    assert shadowed(engine, [ONE, TWO]) == {"one": {}, "two": {"dns": 3}}


def test_before_the_lists_are_known_nothing_is_forgotten_and_nothing_lost(engine: Engine, folder: Path) -> None:
    set_count(folder / "dns-0", 0, Channel.DNS, 2)
    drain_counted(folder.glob("*"), [ONE], engine, "box")
    set_count(folder / "dns-0", 0, Channel.DNS, 5)
    drain_counted(folder.glob("*"), [], engine, "box")
    drain_counted(folder.glob("*"), [ONE], engine, "box")

    assert shadowed(engine, [ONE]) == {"one": {"dns": 5}}
