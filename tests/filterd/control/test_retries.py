import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from fastpath.wire.name import to_wire
from filterd.config import read_config
from filterd.control.retries import SETTLE_AFTER, settle
from filterd.process.json_socket import serve
from mgmt.orders.judge import Entry, Order
from mgmt.orders.store import counts_of, get_order, number_letter, put_order, withdraw_order
from parental.database import reading, writing

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
LONG_AGO = NOW - 2 * SETTLE_AFTER
IN_FORCE = {"names": [1, 7]}


class Publishing:
    """A control role as settle() sees it; `refusal` is what its one worker says of a publication."""

    def __init__(self, tmp_path, refusal=None):
        said = b"dns: {upstreams: ['192.0.2.53:53'], workers: 1}\ngate: {workers: 0}\nrun_dir: .\n"
        self.config = read_config(said, "test", tmp_path)
        self.generations = {kind: tuple(pair) for kind, pair in IN_FORCE.items()}
        self.refusal, self.n_published = refusal, 0

    async def orders_changed(self):
        self.n_published += 1
        ack = {"worker": "dns-0", "generation": 8, "ms": 1.0, "refused": self.refusal}
        return {"acks": [ack], "generation": 8, "ms": 2.0, "at": NOW.isoformat(), "connections_ended": None}


def play(control, engine, served=IN_FORCE, at=NOW):
    """settle() with a worker that serves `served`; None: it is not there."""

    async def status(_request):
        return {"ok": True, "name": "dns-0", "generations": served}

    async def run():
        server = await serve(control.config.run_dir / "worker-dns-0.sock", status) if served else None
        try:
            await settle(control, engine, at)
        finally:
            if server:
                server.close()

    asyncio.run(run())
    return control.n_published


@pytest.fixture
def control(tmp_path):
    return Publishing(tmp_path)


def push(engine, at=LONG_AGO, ref="T-1"):
    entry = Entry(1, "ordered.test", to_wire(b"ordered.test"), "subtree", "pending", None)
    with writing(engine) as conn:
        return put_order(conn, Order("PTA", ref, "", "subtree", None, False, ()), [entry], b"", at)


def seen(engine, order):
    with reading(engine) as conn:
        row = get_order(conn, order)
        return counts_of(conn, order), row.receipt is not None, row.withdrawal_receipt is not None


def test_an_order_that_waits_is_published_again_and_gets_its_receipt(control, engine):
    order = push(engine)

    assert play(control, engine) == 1
    assert seen(engine, order) == ({"enforced": 1}, True, False)
    assert play(control, engine) == 1


def test_a_withdrawal_that_waits_gets_its_receipt(control, engine):
    order = push(engine)
    with writing(engine) as conn:
        withdraw_order(conn, order, "a court", LONG_AGO)
    play(control, engine)

    assert seen(engine, order) == ({"withdrawn": 1}, False, True)


def test_a_worker_that_refuses_leaves_the_order_waiting(tmp_path, engine):
    order = push(engine)
    play(Publishing(tmp_path, "checksum differs"), engine)

    assert seen(engine, order) == ({"pending": 1}, False, False)


def test_while_a_worker_is_away_nothing_is_tried(control, engine):
    push(engine)

    assert play(control, engine, served=None) == 0


def test_an_order_of_just_now_is_left_to_whoever_pushed_it(control, engine):
    push(engine, NOW - SETTLE_AFTER + timedelta(seconds=1))

    assert play(control, engine) == 0


def test_a_worker_that_is_behind_is_told_again(control, engine):
    assert play(control, engine, served={"names": [1, 6]}) == 1


def test_where_all_serve_what_is_in_force_nothing_is_done(control, engine):
    with writing(engine) as conn:
        number_letter(conn, "PTA", "a letter that a list names", LONG_AGO)

    assert play(control, engine) == 0


def test_an_order_that_comes_after_the_look_is_not_told_as_enforced(control, engine, monkeypatch):
    push(engine)
    late = []

    async def orders_changed():
        late.append(push(engine, ref="T-2"))
        return await Publishing.orders_changed(control)

    monkeypatch.setattr(control, "orders_changed", orders_changed)
    play(control, engine)

    assert seen(engine, late[0]) == ({"pending": 1}, False, False)
