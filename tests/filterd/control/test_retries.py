import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.images.order_rails import ORDER_RAILS

from fastpath.wire.name import to_wire
from filterd.config import read_config
from filterd.control.base.context import Context
from filterd.control.publisher import Publisher, Writer
from filterd.control.retries import MOST_TURNS, Disagreement, OtherGateways, settle
from filterd.images.lists.order_rails import OrderRails
from filterd.images.lists.sources import ORDERS_LIST
from filterd.process.control_messages import OrdersUpdate, PolicyUpdate
from filterd.process.json_socket import serve
from filterd.process.messages import WORKER_REQUESTS, Generations, Status, Use, WorkerStatus
from mgmt.contract.control import Ack, Receipt, receipt_json
from mgmt.ledger.event import CONTROL
from mgmt.ledger.trusted_clock import UNKNOWN
from mgmt.orders.base.live import orders_revision
from mgmt.orders.base.model import Entry, EntryMode, EntryStatus, Order
from mgmt.orders.decisions import confirm, taken
from mgmt.orders.phases.canary_rules import Policy
from mgmt.orders.store import counts_of, get_order, number_letter, put_order, withdraw_order
from parental.store.database import reading, writing
from parental.store.revision import REVISION, raise_revision
from rules.base.protected import ProtectedNames
from rules.lists.source import describe_source

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(minutes=1)
IN_FORCE: Generations = {"names": (1, 7)}


class Publishing(Publisher):
    """A publisher as settle() sees it; `refusal` is what its one worker says of a publication."""

    def __init__(self, engine: Engine, refusal: str | None = None) -> None:
        self.engine, self.refusal, self.n_published = engine, refusal, 0
        self.is_untold = False
        self.orders_at: int | None = None  # up to which change orders are published; None: all
        self.people_at = 0  # and subscribers
        self.meanwhile: Callable[[], object] = lambda: None

    @property
    def generations(self) -> Generations:
        return IN_FORCE

    @property
    def has_unwritten_letters(self) -> bool:
        return self.is_untold

    async def names_changed(self, *first: Writer) -> Receipt:
        assert not first
        self.n_published += 1
        receipt = Receipt(8, (Ack("dns-0", 8, 1.0, self.refusal),), 2.0, NOW, None)
        with writing(self.engine) as conn:
            ORDER_RAILS.settle(conn, 0, int(NOW.timestamp()))
            held = taken(conn)
        self.meanwhile()
        if self.refusal is None:
            with writing(self.engine) as conn:
                confirm(conn, held, receipt_json(receipt, "UTC"), NOW)
        return receipt

    @property
    def orders_revision(self) -> int:
        with reading(self.engine) as conn:
            return orders_revision(conn) if self.orders_at is None else self.orders_at

    @property
    def people_revision(self) -> int:
        return self.people_at


Play = Callable[..., int]


@pytest.fixture
def play(tmp_path: Path, engine: Engine) -> Play:
    """settle() with a worker that serves `served`; None: it is not there."""

    def run(
        publisher: Publishing, served: Generations | None = IN_FORCE, more: bytes = b"", now: datetime = NOW
    ) -> int:
        said = b"dns: {upstreams: ['192.0.2.53:53'], workers: 1}\ngate: {workers: 0}\nrun_dir: .\n" + more
        context = Context(read_config(said, "test", tmp_path), tmp_path / "f.yaml", engine)

        async def status(_request: Status | Use) -> WorkerStatus:
            return WorkerStatus(name="dns-0", generations=served or {}, refused=None, counters={})

        async def work() -> None:
            path = context.config.run_dir / "dns-0/worker.sock"
            server = await serve(path, "worker", WORKER_REQUESTS, status) if served else None
            try:
                await settle(context, publisher, now)
            finally:
                if server:
                    server.close()

        asyncio.run(work())
        return publisher.n_published

    return run


def push(engine: Engine, at: datetime = LONG_AGO, ref: str = "T-1") -> int:
    entry = Entry(1, "ordered.test", to_wire(b"ordered.test"), EntryMode.SUBTREE, EntryStatus.PENDING, None)
    with writing(engine) as conn:
        return put_order(conn, Order("PTA", ref, "", "subtree", None, False, ()), [entry], b"", at, CONTROL)


def seen(engine: Engine, order: int) -> tuple[dict[str, int], bool, bool]:
    """(counts, whether there is a receipt, whether of the withdrawal)."""
    with reading(engine) as conn:
        row = get_order(conn, order)
        return counts_of(conn, order), row.receipt is not None, row.withdrawal_receipt is not None


def test_an_order_that_waits_is_published_again_and_gets_its_receipt(play: Play, engine: Engine) -> None:
    order, publisher = push(engine), Publishing(engine)

    assert play(publisher) == 1
    assert seen(engine, order) == ({"enforced": 1}, True, False)
    assert play(publisher) == 1


def test_where_the_time_was_not_known_a_trial_begins_once_it_is(play: Play, engine: Engine) -> None:
    push(engine)
    here = Policy("gw1", "gw1", 600, 100)
    rails = OrderRails(describe_source(ORDERS_LIST, None, {"tier": "order"}), ProtectedNames(), canary=here)
    with writing(engine) as conn:
        rails.settle(conn, 0, UNKNOWN)
        confirm(conn, taken(conn), {"generation": 9, "workers": []}, NOW, here, UNKNOWN)
    publisher, more = Publishing(engine), b"orders: {canary: {gateway: gw1, name: gw1}}\n"

    assert play(publisher, more=more, now=datetime.fromtimestamp(UNKNOWN, UTC)) == 0
    assert play(publisher, more=more) == 1


def test_a_withdrawal_that_waits_gets_its_receipt(play: Play, engine: Engine) -> None:
    order = push(engine)
    with writing(engine) as conn:
        withdraw_order(conn, order, "a court", LONG_AGO, CONTROL)
    play(Publishing(engine))

    assert seen(engine, order) == ({"withdrawn": 1}, False, True)


def test_a_worker_that_refuses_leaves_the_order_waiting(play: Play, engine: Engine) -> None:
    order = push(engine)
    play(Publishing(engine, "checksum differs"))

    assert seen(engine, order) == ({"pending": 1}, False, False)


def test_while_a_worker_is_away_nothing_is_tried(play: Play, engine: Engine) -> None:
    push(engine)

    assert play(Publishing(engine), served=None) == 0


def test_a_change_that_nobody_has_told_of_is_published(play: Play, engine: Engine) -> None:
    publisher = Publishing(engine)
    push(engine, NOW)
    publisher.orders_at = 0

    assert play(publisher, served=None) == 1


def test_a_worker_that_is_behind_gets_another_publication(play: Play, engine: Engine) -> None:
    assert play(Publishing(engine), served={"names": (1, 6)}) == 1


def test_where_all_serve_what_is_in_force_nothing_is_done(play: Play, engine: Engine) -> None:
    with writing(engine) as conn:
        number_letter(conn, "PTA", "a letter that a list names", LONG_AGO)

    assert play(Publishing(engine)) == 0


def test_where_the_letters_of_a_base_are_not_written_down_yet_it_is_published_once_all_workers_are_there(
    play: Play, engine: Engine
) -> None:
    publisher = Publishing(engine)
    publisher.is_untold = True

    assert play(publisher, served=None) == 0
    assert play(publisher) == 1


def test_an_order_that_comes_after_the_look_is_not_enforced_by_it(play: Play, engine: Engine) -> None:
    push(engine)
    late: list[int] = []
    publisher = Publishing(engine)
    publisher.meanwhile = lambda: late.append(push(engine, ref="T-2"))
    play(publisher)

    assert seen(engine, late[0]) == ({"pending": 1}, False, False)


def test_what_another_gateway_has_changed_is_missed_until_it_is_published_here_too(engine: Engine) -> None:
    publisher = Publishing(engine)
    others = OtherGateways(engine, publisher)
    assert others.missed() == []

    publisher.orders_at = 0
    push(engine)
    assert others.missed() == [OrdersUpdate()]

    with writing(engine) as conn:
        publisher.people_at = raise_revision(conn, REVISION) - 1
    assert others.missed() == [PolicyUpdate(), OrdersUpdate()], "a tap hurries"

    publisher.orders_at, publisher.people_at = None, publisher.people_at + 1
    assert others.missed() == []


def test_a_gateway_that_undoes_what_another_decides_is_said_and_not_followed_for_ever(engine: Engine) -> None:
    publisher = Publishing(engine)
    others, publisher.orders_at = OtherGateways(engine, publisher), 0
    for number in range(2 * MOST_TURNS):
        push(engine, ref=f"T-{number}")
        assert others.missed() == [OrdersUpdate()], "each is new"
    for _ in range(MOST_TURNS):
        assert others.missed() == [OrdersUpdate()]

    with pytest.raises(Disagreement, match="decides of orders otherwise"):
        others.missed()
    assert others.missed() == [OrdersUpdate()], "once more, a minute later"
