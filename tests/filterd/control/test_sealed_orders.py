"""A sealed order from the push to the withdrawal, with a real reader: what is in force, what is written of it."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, update
from support.control.box import make, reason
from support.lists.sealed import Seal, new_seal

from filterd.control.service import Control
from filterd.images.lists.list_reader import NO_MEMORY, Answer
from filterd.images.lists.reader_client import examined_in
from filterd.images.lists.sealed_client import SealedReader
from filterd.images.lists.sealed_orders import bundle_of
from filterd.process.json_socket import serve
from filterd.process.messages import WORKER_REQUESTS, Status, Use, WorkerStatus
from mgmt.ledger.event import CONTROL
from mgmt.orders.approvals import Proposal, approve, propose
from mgmt.orders.sealed_messages import Message, Reading, put_message, reading_of, sealed_order
from mgmt.orders.store import get_order, order_json, put_order, withdraw_order
from mgmt.staff.approvals.rules import ApprovalRefusal, Signatory
from parental.store.database import reading, writing
from parental.store.schema.orders import approvals, orders
from parental.store.schema.sealed_orders import sealed_messages
from rules.lists.acceptance import VersionFigures
from rules.lists.source import Source

pytestmark = pytest.mark.services

MARKER = "qzmarkerxhost.test"
KHAN, ALI = Signatory("A. Khan", "compliance", "root"), Signatory("B. Ali", "approver", "root")
AGREED = Proposal(kind="sealed", number=None, reason="by law", reference="WA/9", collateral="none known")


@pytest.fixture
def seal(place: Path) -> Seal:
    seal = new_seal()
    seal.put(place / "state/sealed-key")
    return seal


def push(engine: Engine, octets: bytes, ref: str = "CA-1") -> int:
    message, at = Message(octets, "plain"), datetime.now(UTC)
    with writing(engine) as conn:
        number = put_order(conn, sealed_order("PTA", ref, "PECA 22", None, message), [], b"{}", at, CONTROL)
        put_message(conn, number, message)
    return number


def agree(engine: Engine, order: int) -> None:
    at = datetime.now(UTC)
    with writing(engine) as conn:
        approve(conn, propose(conn, get_order(conn, order), AGREED, KHAN, at), ALI, at)


def told(engine: Engine, order: int) -> dict[str, Any]:
    with reading(engine) as conn:
        return order_json(conn, get_order(conn, order))


async def answer(_request: Status | Use) -> WorkerStatus:
    return WorkerStatus(name="dns-0", generations={}, refused=None, counters={})


async def looked(control: Control) -> None:
    """What the role does when an order has changed."""
    await control.publisher.names_changed()
    await control.sealed_orders.look()
    await control.lists.compile_if_changed()


def test_a_sealed_order_is_in_force_once_two_persons_have_agreed_and_opens_when_it_is_taken_back(
    place: Path, engine: Engine, seal: Seal
) -> None:
    number = push(engine, seal.close(f"{MARKER}\nb.test/page\n{MARKER} not a line\n"))
    seen: list[tuple[str, dict[str, Any]]] = []

    async def work() -> None:
        control = make(place, engine)
        server = await serve(place / "run/dns-0/worker.sock", "worker", WORKER_REQUESTS, answer)
        await control.start()

        async def see() -> None:
            await looked(control)
            seen.append((reason(control, "www." + MARKER), told(engine, number)))

        await see()
        agree(engine, number)
        await see()
        with writing(engine) as conn:
            withdraw_order(conn, number, "a court", datetime.now(UTC), CONTROL)
        await see()
        server.close()

    asyncio.run(work())
    (before, one), (in_force, two), (after, three) = seen

    assert (before, in_force, after) == ("default", "csam", "default")
    assert (one["counts"], [each["state"] for each in one["steps"]][-1]) == ({}, "held_by_rail")
    assert two["counts"] == {"enforced": 1, "not_enforceable_at_this_layer": 1, "invalid": 1}
    assert two["receipt"] is not None and two["steps"][-1]["state"] == "partially_enforced"
    assert three["withdrawal_receipt"] is not None and three["steps"][-1]["state"] == "withdrawn"
    assert three["state"] == "withdrawn"
    with reading(engine) as conn:
        found = reading_of(conn, number)
    assert found is not None and (found.n_rules, found.n_skipped, found.fault) == (2, 1, None)


def test_what_cannot_be_read_is_rejected_with_the_reason_and_no_one_can_agree_to_it(
    place: Path, engine: Engine, seal: Seal
) -> None:
    number = push(engine, new_seal().close(f"{MARKER}\n"))
    waits = push(engine, seal.close("other.test\n"), "CA-2")
    with pytest.raises(ApprovalRefusal, match="no sealed order that was read; nothing proposed"):
        agree(engine, waits)

    asyncio.run(make(place, engine).sealed_orders.look())

    assert told(engine, number)["steps"][-1]["state"] == "rejected"
    with pytest.raises(ApprovalRefusal, match="it is not encrypted for the key of this box"):
        agree(engine, number)
    agree(engine, waits)


def test_no_row_of_a_web_role_that_lies_puts_a_sealed_order_in_force(place: Path, engine: Engine, seal: Seal) -> None:
    number = push(engine, seal.close(f"{MARKER}\n"))
    control = make(place, engine)
    asyncio.run(control.sealed_orders.look())
    at = datetime.now(UTC)
    with writing(engine) as conn:
        proposal = propose(conn, get_order(conn, number), AGREED, KHAN, at)
        of_it = update(approvals).where(approvals.c.id == proposal)
        lies = {"approver": "B. Ali", "approved_s": int(at.timestamp())}
        conn.execute(of_it.values(lies | {"approver_group": "approver", "digest": b"other", "way": "desk"}))

    asyncio.run(control.sealed_orders.look())

    assert bundle_of(control.config).path() is None


@pytest.mark.parametrize("which", ["message", "order"])
def test_a_message_or_order_that_is_changed_after_two_have_agreed_is_taken_out(
    place: Path, engine: Engine, seal: Seal, which: str
) -> None:
    number = push(engine, seal.close(f"{MARKER}\n"))
    control = make(place, engine)
    asyncio.run(control.sealed_orders.look())
    agree(engine, number)
    asyncio.run(control.sealed_orders.look())
    assert bundle_of(control.config).path() is not None
    with writing(engine) as conn:
        if which == "message":
            conn.execute(update(sealed_messages).values(octets=seal.close("university.test\n")))
        else:
            conn.execute(update(orders).where(orders.c.id == number).values(issuer="X"))

    asyncio.run(control.sealed_orders.look())

    assert bundle_of(control.config).path() is None


def test_one_at_which_its_reader_fails_keeps_no_other_one_waiting(
    place: Path, engine: Engine, seal: Seal, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = push(engine, seal.close("a.test\n")), push(engine, seal.close("b.test\n"), "CA-2")
    examine = SealedReader.examine

    def failing(reader: SealedReader, copy: Path, source: Source) -> VersionFigures:
        if source.id == f"order-{bad}":
            return examined_in(Answer(failed=NO_MEMORY))
        return examine(reader, copy, source)

    monkeypatch.setattr(SealedReader, "examine", failing)

    with pytest.raises(OSError, match=f"order {bad}: .*; not read, tried again"):
        asyncio.run(make(place, engine).sealed_orders.look())

    with reading(engine) as conn:
        assert (reading_of(conn, bad), reading_of(conn, good)) == (None, Reading(1, 0))


def test_without_its_reader_a_new_one_waits_and_what_two_have_agreed_to_stays(
    place: Path, engine: Engine, seal: Seal
) -> None:
    number = push(engine, seal.close(f"{MARKER}\n"))
    control = make(place, engine)
    asyncio.run(control.sealed_orders.look())
    agree(engine, number)
    (place / "state/sealed-key/filterd.sealed.key").unlink()
    push(engine, seal.close("later.test\n"), "CA-2")

    with pytest.raises(OSError, match="no key that can decrypt"):
        asyncio.run(control.sealed_orders.look())

    assert bundle_of(control.config).path() is not None
