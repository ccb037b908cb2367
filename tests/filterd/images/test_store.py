import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from support.images.order_rails import ORDER_RAILS

from fastpath.images import image_key
from fastpath.images.key_builder import ListSpec
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action, Tier
from fastpath.wire.name import to_wire
from filterd.images.compile import NamesBase, remember
from filterd.images.lists.sources import ORDERS_LIST
from filterd.images.live_delta import LiveDelta
from filterd.images.store import ImageStore
from mgmt.ledger.event import CONTROL
from mgmt.orders.base.model import Entry, EntryMode, EntryStatus, Order
from mgmt.orders.store import put_order, withdraw_order
from parental.store.database import reading, writing
from rules.base.manifest import Levels, read_manifest
from rules.lists.compiler.compile import compile_sources, list_specs
from rules.lists.source import describe_source

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
NOW_S = int(NOW.timestamp())


@pytest.fixture
def store(tmp_path: Path) -> Any:
    return ImageStore(tmp_path)


@pytest.fixture
def compiled(tmp_path: Path, store: ImageStore) -> Any:
    (tmp_path / "pta.txt").write_text("listed.test\n")
    sources = [
        describe_source("pta", tmp_path / "pta.txt", {"tier": "order"}),
        describe_source(ORDERS_LIST, None, {"tier": "order"}),
    ]
    report = compile_sources(sources, store.directory, image_key.new_key(), 1)
    made = NamesBase(report.generation, [], list_specs(sources), {"lists": []}, 0)
    remember(store.directory, made)
    return made


def open_tables(store: ImageStore) -> Any:
    return TableSet.open(store.manifest)


def action(store: ImageStore, name: str, address: Any = None) -> Any:
    return open_tables(store).decide(to_wire(name.encode()), address, NOW_S).action


def push(engine: Engine, name: str, mode: EntryMode = EntryMode.SUBTREE) -> Any:
    order = Order("PTA", name, "a law", mode, None, False, ())
    wire = name.encode() if mode == EntryMode.URL else to_wire(name.encode())
    with writing(engine) as conn:
        return put_order(conn, order, [Entry(1, name, wire, mode, EntryStatus.PENDING, None)], b"", NOW, CONTROL)


def beside(store: ImageStore, compiled: NamesBase, engine: Engine) -> Any:
    with reading(engine) as conn:
        return LiveDelta(store.open_base(compiled), compiled, conn, ORDER_RAILS)


def test_a_base_comes_into_force_together_with_the_orders(
    store: ImageStore, compiled: NamesBase, engine: Engine
) -> None:
    number = push(engine, "ordered.test")
    store.publish_names(beside(store, compiled, engine))

    assert action(store, "listed.test") == action(store, "www.ordered.test") == Action.SPLASH
    assert open_tables(store).decide(to_wire(b"ordered.test"), None, NOW_S).order == number
    assert store.compiled() == compiled


def test_an_order_that_is_gone_is_open_again_and_the_lists_stay(
    store: ImageStore, compiled: NamesBase, engine: Engine
) -> None:
    number = push(engine, "ordered.test")
    orders = beside(store, compiled, engine)
    store.publish_names(orders)
    with writing(engine) as conn:
        withdraw_order(conn, number, "a court", NOW, CONTROL)
        orders.rails.settle(conn, orders.orders_revision, NOW_S)
        orders.catch_up(conn)
    store.publish_names(orders)

    assert action(store, "ordered.test") == Action.PASSTHRU
    assert action(store, "listed.test") == Action.SPLASH


def test_an_order_for_a_listed_name_takes_nothing_from_the_list(
    store: ImageStore, compiled: NamesBase, engine: Engine
) -> None:
    push(engine, "listed.test", EntryMode.EXACT)
    store.publish_names(beside(store, compiled, engine))

    assert {match.list for match in open_tables(store).matches(to_wire(b"listed.test"))} == {"pta", ORDERS_LIST}


def test_urls_come_into_force_with_the_names_of_their_compilation_and_have_a_delta_where_orders_do(
    store: ImageStore, compiled: NamesBase, engine: Engine
) -> None:
    orders = beside(store, compiled, engine)
    store.publish_names(orders)
    without = read_manifest(store.directory).urls
    push(engine, "shared.test/page", EntryMode.URL)
    with reading(engine) as conn:
        orders.catch_up(conn)
    store.publish_names(orders)
    tables = open_tables(store)

    assert without == Levels("urls-1.img", None)
    assert tables.generations["urls"] == (1, tables.generations["names"][1])
    assert tables.decide_url(None, b"shared.test/page", None, NOW_S).list == ORDERS_LIST
    assert tables.decide_url(None, b"shared.test/", None, NOW_S).action == Action.PASSTHRU


def test_what_is_open_already_is_not_opened_again(store: ImageStore, compiled: NamesBase, engine: Engine) -> None:
    orders = beside(store, compiled, engine)
    store.publish_names(orders)
    first = store.open_tables(orders.base.images)
    store.publish_names(orders)
    second = store.open_tables(first.images)

    assert first.images[0] is second.images[0] is orders.base.images[0]
    assert second.generations["names"][1] > first.generations["names"][1]


def test_a_base_whose_file_is_damaged_is_not_taken_for_good(
    store: ImageStore, compiled: NamesBase, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    store.publish_names(beside(store, compiled, engine))
    path = store.directory / "names-1.img"
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 0xFF
    path.write_bytes(damaged)

    with caplog.at_level(logging.WARNING):
        assert store.compiled() is None
    assert "checksum" in caplog.text


def test_a_base_that_was_compiled_and_is_not_in_force_yet_is_the_one_to_take(
    store: ImageStore, compiled: NamesBase
) -> None:
    assert not store.manifest.exists()
    assert store.compiled() == compiled


def test_a_base_whose_file_is_gone_is_none(store: ImageStore, compiled: NamesBase) -> None:
    (store.directory / "names-1.img").unlink()

    assert store.compiled() is None


def test_a_list_is_remembered_with_its_number(compiled: NamesBase) -> None:
    assert compiled.lists[1] == ListSpec(ORDERS_LIST, Tier.ORDER, 0, Action.SPLASH, False)
