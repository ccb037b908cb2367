import asyncio
import json
import os
import signal
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import xxhash
from sqlalchemy import Engine, delete, update
from support.control.box import play, push, reason

from fastpath.images.image import BadImage
from fastpath.images.tables import TableSet
from filterd.config import load
from filterd.control.publisher import LONG_NAMES
from filterd.control.retries import settle
from filterd.control.service import Control
from filterd.images.compile import CompileFailure, compile_config
from filterd.process.codec import FailureReply
from filterd.process.control_messages import ControlStatus, Explanation, LevelState
from filterd.process.jobs import start_job
from filterd.process.json_socket import serve
from filterd.process.messages import WORKER_REQUESTS, Status, Use, WorkerStatus
from mgmt.contract.control import Receipt
from mgmt.ledger.event import CONTROL
from mgmt.orders.store import find_order, get_order, order_json, withdraw_order
from parental.policy.profiles import get_profile, put_profile
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.policy.subscribers import delete_subscriber, pause, put_subscriber
from parental.store.database import reading, writing
from parental.store.schema.lines import revisions
from parental.store.schema.orders import entries, order_steps, orders
from rules.base.manifest import read_manifest

pytestmark = pytest.mark.services

FAR = 2**33  # a time that has not come, in unix seconds


def test_an_order_is_in_force_when_its_receipt_comes_and_is_gone_with_the_next(place: Path, engine: Engine) -> None:
    async def work(control: Control) -> tuple[Receipt, Explanation, Receipt, str]:
        number = push(engine, "ordered.test")
        first = await control.publisher.names_changed()
        found = control.explainer.explain("www.ordered.test", None, "http")
        with writing(engine) as conn:
            withdraw_order(conn, number, "a court", datetime.now(UTC), CONTROL)
        second = await control.publisher.names_changed()
        return first, found, second, reason(control, "www.ordered.test")

    first, found, second, later = play(place, engine, work)

    assert second.generation > first.generation
    assert (found.list, found.rule, found.ede) == ("orders", "ordered.test", None)
    assert (found.issuer, found.order_ref, found.ground) == ("PTA", "T-1", "a law")
    assert later == "default"


def test_a_tap_waits_for_no_disk_and_is_on_it_soon_after_and_an_order_is_on_it_first(
    place: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(engine, 7)
    images, synced = place / "state/images", list[int]()
    fsync = os.fsync

    def counted(descriptor: int) -> None:
        synced.append(descriptor)
        fsync(descriptor)

    def is_settled() -> bool:
        return (images / "settled.json").read_bytes() == (images / "current.json").read_bytes()

    async def work(control: Control) -> list[tuple[int, bool]]:
        found = [(0, is_settled())]
        monkeypatch.setattr(os, "fsync", counted)
        with writing(engine) as conn:
            pause(conn, 7, None)
        await control.publisher.people_changed()
        found.append((len(synced), is_settled()))
        await asyncio.wait_for(control.publisher.has_unsettled.wait(), 60)
        await control.publisher.settle()
        found.append((min(len(synced), 1), is_settled()))
        push(engine, "ordered.test")
        await control.publisher.names_changed()
        return [*found, (1, is_settled())]

    assert play(place, engine, work) == [(0, True), (0, False), (1, True), (1, True)]


def test_status_tells_how_large_each_level_is_and_what_is_outstanding_since_when(place: Path, engine: Engine) -> None:
    put(engine, 7)

    async def work(control: Control) -> list[LevelState]:
        for number in (8, 9):
            put(engine, number)
        push(engine, "ordered.test")
        await control.publisher.people_changed()
        await control.publisher.names_changed()
        return (await control.explainer.status()).levels

    levels = play(place, engine, work)

    assert [(each.kind, each.level, each.rows) for each in levels] == [
        ("names", "base", None),
        ("names", "delta", 1),
        ("people", "base", None),
        ("people", "delta", 0),
        ("people", "young", 2),
    ]
    assert all(each.octets > 0 for each in levels)
    assert levels[2].written_s <= levels[4].written_s


def test_a_name_that_no_image_has_room_for_stops_nothing_else_and_is_a_fault_until_it_is_gone(
    place: Path, engine: Engine
) -> None:
    name = ".".join(["a"] * 15 + ["page", "example"])
    put(engine, 7)
    put(engine, 8)

    async def tap(control: Control) -> list[str | None]:
        with writing(engine) as conn:
            put_profile(conn, 7, replace(get_profile(conn, 7), allowed=frozenset({name})))
            pause(conn, 8, None)
        await control.publisher.people_changed()
        return [str(control.explainer.explain(None, "192.0.2.8", "sni").reason), control.faults.get(LONG_NAMES)]

    async def leave(control: Control) -> list[str | None]:
        told = control.faults.get(LONG_NAMES)
        with writing(engine) as conn:
            delete_subscriber(conn, 7)
        await control.publisher.people_changed()
        return [told, control.faults.get(LONG_NAMES)]

    why, told = play(place, engine, tap)

    assert why == "pause" and told is not None
    assert "profiles 7: a name of their own has more than 16 parts" in told and "page" not in told
    assert play(place, engine, leave) == [told, None]


def test_control_starts_where_a_power_cut_has_torn_what_taps_had_written(place: Path, engine: Engine) -> None:
    put(engine, 7)

    async def tap(control: Control) -> None:
        with writing(engine) as conn:
            pause(conn, 7, None)
        await control.publisher.people_changed()

    async def look(control: Control) -> str:
        return str(control.explainer.explain(None, "192.0.2.7", "sni").reason)

    play(place, engine, tap)
    manifest = read_manifest(place / "state/images")
    assert manifest.policy.young and manifest.subscribers.young
    (place / "state/images" / manifest.policy.young).unlink()
    (place / "state/images" / manifest.subscribers.young).write_bytes(b"")
    assert play(place, engine, look) == "pause"

    (place / "state/images/current.json").write_bytes(b"")
    assert play(place, engine, look) == "pause"


def test_a_base_that_went_bad_on_the_disk_is_compiled_again(place: Path, engine: Engine) -> None:
    async def work(control: Control) -> tuple[int, int, str]:
        publisher = control.publisher
        await publisher.mend()
        before = publisher.generations["names"][0]
        (base,) = (place / "state/images").glob(f"names-{before}.img")
        base.write_bytes(base.read_bytes()[:-1])
        await publisher.mend()
        return before, publisher.generations["names"][0], reason(control, "listed.test")

    before, after, why = play(place, engine, work)

    assert after > before
    assert why == "order"


@pytest.mark.parametrize("level", ["base", "delta"])
def test_a_level_of_subscribers_that_went_bad_on_the_disk_is_written_again(
    place: Path, engine: Engine, level: str
) -> None:
    put(engine, 7)

    async def work(control: Control) -> tuple[bool, int | None]:
        images = place / "state/images"
        bad = images / json.loads((images / f"people-{level}.json").read_bytes())["policy"]
        bad.write_bytes(bad.read_bytes()[:-1])
        await control.publisher.mend()
        return bad.name in (images / "current.json").read_text(), control.publisher.tables.subscriber_of("192.0.2.7")

    assert play(place, engine, work) == (False, 7)


def of_another_release(image: Path) -> None:
    """Give an image the layout of another release, with a right checksum."""
    octets = bytearray(image.read_bytes())
    octets[8:12] = (99).to_bytes(4, "little")
    octets[40:48] = xxhash.xxh3_64(bytes(octets[:40] + octets[48:])).intdigest().to_bytes(8, "little")
    image.write_bytes(octets)


@pytest.mark.parametrize("spoiled", ["*.img", "subscribers-*.img", "policy-*.img", "DELTA", "YOUNG"])
def test_images_of_another_layout_are_written_again_before_control_is_up(
    place: Path, engine: Engine, spoiled: str
) -> None:
    images = place / "state/images"
    put(engine, 7)

    async def lock_two(control: Control) -> None:
        await control.publisher.tend_people(datetime.now(UTC))
        put(engine, 8)
        with writing(engine) as conn:
            pause(conn, 7, None)
        await control.publisher.people_changed()

    play(place, engine, lock_two)
    levels = read_manifest(images).policy
    assert levels.base and levels.delta and levels.young
    by_level = {"DELTA": levels.delta, "YOUNG": levels.young}
    for image in images.glob(by_level.get(spoiled, spoiled)):
        of_another_release(image)
    with pytest.raises(BadImage, match="layout"):
        TableSet.open(images / "current.json")

    async def look(control: Control) -> tuple[str, int | None]:
        in_force = TableSet.open(images / "current.json")  # what a worker finds that starts now
        found = in_force.decide(None, "192.0.2.7", int(datetime.now(UTC).timestamp()))
        return found.reason.name, in_force.subscriber_of("192.0.2.8")

    assert play(place, engine, look) == ("PAUSE", 8)


def test_a_job_writes_the_levels_of_many_lines_and_what_changes_after_it_is_in_force(
    place: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("filterd.control.publisher.FEW_LINES", 0)
    monkeypatch.setattr("filterd.images.people.YOUNG_ROWS", 0)
    put(engine, 7)

    async def work(control: Control) -> list[int | None]:
        publisher, images = control.publisher, place / "state/images"
        noted = [(images / "people-delta.json").read_bytes()]
        put(engine, 8)
        await publisher.people_changed()
        await publisher.tend_people(datetime.now(UTC))
        noted.append((images / "people-delta.json").read_bytes())
        put(engine, 9)
        await publisher.people_changed()
        assert noted[0] != noted[1]
        return [publisher.tables.subscriber_of(f"192.0.2.{n}") for n in (7, 8, 9, 10)]

    assert play(place, engine, work) == [7, 8, 9, None]


def put(engine: Engine, number: int) -> None:
    with writing(engine) as conn:
        put_subscriber(conn, Subscriber(number, "home", (parse_prefix(f"192.0.2.{number}"),)))


def test_a_receipt_names_every_worker_and_what_it_said(place: Path, engine: Engine) -> None:
    async def refuse(_request: Status | Use) -> FailureReply:
        return FailureReply(refused="checksum differs")

    async def work(control: Control) -> Receipt:
        server = await serve(place / "run/dns-0/worker.sock", "worker", WORKER_REQUESTS, refuse)
        receipt = await control.publisher.names_changed()
        server.close()
        return receipt

    receipt = play(place, engine, work)
    (ack,) = receipt.acks

    assert (ack.worker, ack.generation, ack.refused) == ("dns-0", receipt.generation, "checksum differs")


@pytest.mark.parametrize("refusal", [None, "checksum differs"])
def test_a_letter_of_a_list_has_its_counts_once_every_worker_serves_the_base(
    place: Path, engine: Engine, refusal: str | None
) -> None:
    source = "{id: pta, file: pta.csv, format: csv, tier: order, issuer: PTA}"
    said = (place / "f.yaml").read_text().replace("{id: pta, file: pta.txt, format: plain, tier: order}", source)
    (place / "f.yaml").write_text(said)
    (place / "pta.csv").write_text("url,reference\na.test,WA/1\ncom.pk,WA/1\nno name,WA/1\nb.test,WA/2\n")

    async def answer(_request: Status | Use) -> FailureReply | WorkerStatus:
        if refusal is not None:
            return FailureReply(refused=refusal)
        return WorkerStatus(name="dns-0", generations={}, refused=None, counters={})

    async def work(control: Control) -> bool:
        server = await serve(place / "run/dns-0/worker.sock", "worker", WORKER_REQUESTS, answer)
        await control.lists.take(settle_s=0.0)
        await control.publisher.compile_if_changed()
        await control.publisher.names_changed()
        server.close()
        return control.publisher.has_unwritten_letters

    is_untold = play(place, engine, work)
    with reading(engine) as conn:
        found = {ref: find_order(conn, "PTA", ref) for ref in ("WA/1", "WA/2")}
        told = {ref: order_json(conn, order) for ref, order in found.items() if order is not None}

    assert is_untold == (refusal is not None)
    assert told["WA/1"]["counts"] == ({} if refusal else {"enforced": 1, "invalid": 1, "refused_protected": 1})
    assert [each["state"] for each in told.values()] == (
        ["nothing_enforced"] * 2 if refusal else ["partly_enforced", "enforced"]
    )


def test_a_restart_compiles_nothing_that_is_there_already(place: Path, engine: Engine) -> None:
    async def work(control: Control) -> tuple[int, int]:
        await control.publisher.compile_if_changed()
        return control.publisher.generations["names"]

    first = play(place, engine, work)
    second = play(place, engine, work)

    assert second[0] == first[0]
    assert second[1] > first[1]


def test_a_base_that_the_operator_compiled_beforehand_is_put_in_force(place: Path, engine: Engine) -> None:
    compile_config(load(place / "f.yaml"), None)

    async def work(control: Control) -> tuple[int, str]:
        await control.publisher.compile_if_changed()
        return control.publisher.generations["names"][0], reason(control, "listed.test")

    assert play(place, engine, work) == (1, "order")


def test_a_delta_that_has_grown_large_is_merged_into_a_base_and_nothing_changes_but_that(
    place: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch, stack: ExitStack
) -> None:
    monkeypatch.setattr("filterd.images.live_delta.MERGE_NAMES", 1)

    def orders(control: Control) -> list[int | None]:
        names = ("first.test", "gone.test", "third.test")
        return [control.explainer.explain(name, None, "dns").order for name in names]

    async def work(control: Control) -> tuple[ControlStatus, list[int | None], int, int]:
        publisher = control.publisher
        await publisher.merge()
        first, gone = push(engine, "first.test"), push(engine, "gone.test", "T-2")
        await publisher.names_changed()
        assert (publisher.generations["names"][0], publisher.has_overgrown.is_set()) == (1, True)
        assert orders(control) == [first, gone, None]
        with writing(engine) as conn:
            withdraw_order(conn, gone, "a court", datetime.now(UTC), CONTROL)
        compilation = Compilation(place, monkeypatch, stack)
        async with asyncio.timeout(120), asyncio.TaskGroup() as group:
            group.create_task(publisher.merge())
            await compilation.begun()
            third = push(engine, "third.test", "T-3")
            await publisher.names_changed()  # while it is compiled
            compilation.go_on()
        return await control.explainer.status(), orders(control), first, third

    status, after, first, third = play(place, engine, work)

    assert status.generations["names"][0] > 1
    assert status.delta_names <= 2  # gone.test, if it was read before it went, and third.test
    assert after == [first, None, third]


def test_a_merge_that_is_killed_loses_nothing_and_the_next_one_succeeds(
    place: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch, stack: ExitStack
) -> None:
    monkeypatch.setattr("filterd.images.live_delta.MERGE_NAMES", 0)

    async def work(control: Control) -> tuple[tuple[int, str], ControlStatus, str]:
        publisher = control.publisher
        push(engine, "ordered.test")
        await publisher.names_changed()
        with pytest.raises(ExceptionGroup, match="unhandled") as fault:
            compilation = Compilation(place, monkeypatch, stack)
            async with asyncio.timeout(120), asyncio.TaskGroup() as group:
                group.create_task(publisher.merge())
                os.kill(await compilation.begun(), signal.SIGKILL)
        assert fault.group_contains(CompileFailure, match="nothing changed")
        killed = publisher.generations["names"][0], reason(control, "ordered.test")
        await publisher.merge()
        return killed, await control.explainer.status(), reason(control, "ordered.test")

    killed, status, why = play(place, engine, work)

    assert killed == (1, "order")
    assert (status.generations["names"][0] > 1, status.delta_names, why) == (True, 0, "order")


class Compilation:
    """The next job that compiles: it begins and waits, so that it is there for as long as the test needs it."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch, stack: ExitStack) -> None:
        gate = place / "gate"
        os.mkfifo(gate)
        self._pids, self._gate = asyncio.Queue[int](), os.open(gate, os.O_RDWR)
        stack.callback(os.close, self._gate)
        start = asyncio.create_subprocess_exec
        # As control starts it: a process of its own, which can be held and killed.
        monkeypatch.setattr("filterd.process.jobs.start_job", start_job)

        async def held(*command: str, **more: Any) -> asyncio.subprocess.Process:
            assert "compile" in command, command
            monkeypatch.setattr(asyncio, "create_subprocess_exec", start)
            process = await start("sh", "-c", 'read -r _ < "$0"; exec "$@"', str(gate), *command, **more)
            self._pids.put_nowait(process.pid)
            return process

        monkeypatch.setattr(asyncio, "create_subprocess_exec", held)

    async def begun(self) -> int:
        """Its process."""
        pid = await self._pids.get()
        self._pids.put_nowait(pid)
        return pid

    def go_on(self) -> None:
        os.write(self._gate, b"\n")


def test_a_base_with_orders_that_the_database_does_not_know_is_compiled_again(place: Path, engine: Engine) -> None:
    async def nothing(_control: Control) -> None:
        """Only started."""

    async def work(control: Control) -> str:
        return reason(control, "ordered.test")

    push(engine, "ordered.test")
    play(place, engine, nothing)
    with writing(engine) as conn:
        for table in (order_steps, entries, orders, revisions):
            conn.execute(delete(table))

    assert play(place, engine, work) == "default"


@pytest.mark.parametrize("refusal", [None, "checksum differs"])
def test_an_order_is_enforced_and_has_its_receipt_by_the_hand_of_control_once_every_worker_serves_it(
    place: Path, engine: Engine, refusal: str | None
) -> None:
    async def answer(_request: Status | Use) -> FailureReply | WorkerStatus:
        if refusal is not None:
            return FailureReply(refused=refusal)
        return WorkerStatus(name="dns-0", generations={}, refused=None, counters={})

    async def work(control: Control) -> dict[str, Any]:
        server = await serve(place / "run/dns-0/worker.sock", "worker", WORKER_REQUESTS, answer)
        number = push(engine, "ordered.test")
        receipt = await control.publisher.names_changed()
        server.close()
        with reading(engine) as conn:
            told = order_json(conn, get_order(conn, number))
        return told | {"published": receipt.generation}

    told = play(place, engine, work)

    if refusal is not None:
        assert (told["state"], told["receipt"]) == ("pending", None)
        return
    assert (told["state"], told["counts"]) == ("enforced", {"enforced": 1})
    assert told["receipt"]["generation"] == told["published"]
    assert [each["worker"] for each in told["receipt"]["workers"]] == ["dns-0"]


def test_an_emergency_order_that_nobody_confirms_opens_by_itself(place: Path, engine: Engine) -> None:
    async def work(control: Control) -> tuple[str, str]:
        number = push(engine, "ordered.test")
        with writing(engine) as conn:
            conn.execute(update(orders).where(orders.c.id == number).values(is_emergency=True, confirm_by_s=FAR))
        await control.publisher.names_changed()
        before = reason(control, "ordered.test")
        with writing(engine) as conn:
            conn.execute(update(orders).where(orders.c.id == number).values(confirm_by_s=1))
        await settle(control.context, control.publisher, datetime.now(UTC))
        return before, reason(control, "ordered.test")

    assert play(place, engine, work) == ("order", "default")
