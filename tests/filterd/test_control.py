import asyncio
from datetime import UTC, datetime
from ipaddress import IPv4Network

import pytest

from fastpath.name import to_wire
from filterd.compiling import CompileFailed, compile_config
from filterd.config import load
from filterd.control import Control, guarded
from filterd.jsonlines import serve
from filterd.locking import LockKeeper
from mgmt.order import Entry, Order
from mgmt.orders import put_order, withdraw_order
from parental.database import open_database, writing
from parental.profile import Profile
from parental.store import pause, put_subscriber
from parental.subscriber import Subscriber

SAID = """
state_dir: state
run_dir: run
dns: {upstreams: ["192.0.2.53:53"], workers: 1}
gate: {workers: 0}
lists: [{id: pta, file: pta.txt, format: plain, tier: order}, {id: stop, file: stop.txt, format: plain, tier: csam}]
"""


@pytest.fixture
def place(tmp_path):
    (tmp_path / "f.yaml").write_text(SAID)
    (tmp_path / "pta.txt").write_text("listed.test\n")
    (tmp_path / "stop.txt").write_text("worse.test\n")
    for folder in ("state", "run"):
        (tmp_path / folder).mkdir()
    return tmp_path


@pytest.fixture
def engine(place):
    opened = open_database(place / "state/filterd.db")
    yield opened
    opened.dispose()


def make(place, engine):
    return Control(load(place / "f.yaml"), place / "f.yaml", engine, LockKeeper(engine, None))


def play(place, engine, work):
    """Start a control and let `work(control)` go on with it."""

    async def run():
        control = make(place, engine)
        await control.start()
        return await work(control)

    return asyncio.run(run())


def push(engine, name, ref="T-1"):
    entry = Entry(1, name, to_wire(name.encode()), "subtree", "pending", None)
    order = Order("PTA", ref, "a law", "subtree", None, False, ((name, "subtree"),))
    with writing(engine) as conn:
        return put_order(conn, order, [entry], b"", datetime.now(UTC))


def test_at_the_start_lists_orders_and_people_are_in_force(place, engine):
    push(engine, "ordered.test")

    async def work(control):
        return [control.explain(name, None, "dns")["reason"] for name in ("listed.test", "ordered.test", "other.test")]

    assert play(place, engine, work) == ["order", "order", "default"]


def test_an_order_is_in_force_when_its_receipt_comes_and_is_gone_with_the_next(place, engine):
    async def work(control):
        number = push(engine, "ordered.test")
        first = await control.orders_changed()
        found = control.explain("www.ordered.test", None, "http")
        with writing(engine) as conn:
            withdraw_order(conn, number, "a court", datetime.now(UTC))
        second = await control.orders_changed()
        return first, found, second, control.explain("www.ordered.test", None, "http")

    first, found, second, later = play(place, engine, work)

    assert first["ok"] and second["generation"] > first["generation"]
    assert (found["list"], found["rule"], found["ede"]) == ("orders", "ordered.test", None)
    assert (found["issuer"], found["order_ref"], found["ground"]) == ("PTA", "T-1", "a law")
    assert later["reason"] == "default"


def test_a_base_that_went_bad_on_the_disk_is_compiled_anew(place, engine):
    async def work(control):
        await control.mend()
        good = control.answer({"op": "status"})
        before = (await good)["generations"]["names"]
        (base,) = (place / "state/images").glob(f"names-{before[0]}.img")
        base.write_bytes(base.read_bytes()[:-1])
        await control.mend()
        after = (await control.answer({"op": "status"}))["generations"]["names"]
        return before, after, control.explain("listed.test", None, "dns")["reason"]

    before, after, reason = play(place, engine, work)

    assert after[0] > before[0]
    assert reason == "order"


def test_a_receipt_names_every_worker_and_what_it_said(place, engine):
    async def refuse(request):
        return {"ok": False, "refused": "checksum differs"}

    async def work(control):
        server = await serve(place / "run/worker-dns-0.sock", refuse)
        receipt = await control.orders_changed()
        server.close()
        return receipt

    (ack,) = play(place, engine, work)["acks"]

    assert (ack["worker"], ack["refused"]) == ("dns-0", "checksum differs")


def test_a_pause_locks_and_says_until_when(place, engine):
    with writing(engine) as conn:
        put_subscriber(conn, Subscriber(7, "home", (IPv4Network("192.0.2.7/32"),), Profile()))

    async def work(control):
        with writing(engine) as conn:
            pause(conn, 7, datetime(2100, 1, 1, tzinfo=UTC))
        await control.policy_changed()
        return control.explain(None, "192.0.2.7", "sni"), control.explain(None, "192.0.2.8", "sni")

    mine, other = play(place, engine, work)

    assert (mine["reason"], mine["until"], mine["subscriber"]) == ("pause", "2100-01-01T00:00:00+00:00", 7)
    assert other["reason"] == "default"


def test_a_list_that_changed_is_compiled_at_a_reload_and_one_that_did_not_is_not(place, engine):
    async def work(control):
        first = (await control.reload())["generations"]["names"]
        with (place / "pta.txt").open("a") as file:
            file.write("late.test\n")
        second = (await control.reload())["generations"]["names"]
        return first, second, control.explain("late.test", None, "dns")["reason"]

    first, second, reason = play(place, engine, work)

    assert (first[0], reason) == (1, "order")
    assert second[0] > first[0]


def test_a_reload_that_fails_leaves_what_is_in_force_and_is_told_until_it_is_mended(place, engine):
    async def work(control):
        (place / "f.yaml").write_text("nonsense: 1\n")
        refused = await control.reload()
        (place / "f.yaml").write_text(SAID)
        (place / "pta.txt").rename(place / "away")
        lists = await control.reload()
        faults = dict((await control.status())["faults"])
        reason = control.explain("listed.test", None, "dns")["reason"]
        (place / "away").rename(place / "pta.txt")
        await control.reload()
        return refused, lists, faults, reason, (await control.status())["faults"]

    refused, lists, faults, reason, mended = play(place, engine, work)

    assert not refused["ok"] and "/nonsense" in refused["error"]
    assert not lists["ok"] and set(faults) == {"lists"} and "pta.txt" in faults["lists"]
    assert (reason, mended) == ("order", {})


def test_a_restart_compiles_nothing_that_is_there_already(place, engine):
    async def work(control):
        await control.compile_if_changed()
        return control._tables.generations["names"]

    first = play(place, engine, work)
    second = play(place, engine, work)

    assert second[0] == first[0]
    assert second[1] > first[1]


def test_a_base_that_the_operator_compiled_beforehand_is_put_in_force(place, engine):
    compile_config(load(place / "f.yaml"), None)

    async def work(control):
        await control.compile_if_changed()
        return (await control.status())["generations"], control.explain("listed.test", None, "dns")["reason"]

    generations, reason = play(place, engine, work)

    assert (generations["names"][0], reason) == (1, "order")


def test_without_any_names_to_begin_with_the_start_fails_and_says_why(place, engine):
    (place / "pta.txt").unlink()

    with pytest.raises(CompileFailed, match=r"pta\.txt"):
        asyncio.run(make(place, engine).start())


def test_the_status_holds_lists_ages_and_generations(place, engine):
    status = play(place, engine, lambda control: control.status())

    assert [each["id"] for each in status["lists"]] == ["pta", "stop", "help-corridor", "orders"]
    assert status["ages_s"].keys() == status["generations"].keys() == {"names", "subscribers", "policy"}
    assert [(each["name"], bool(each["refused"])) for each in status["workers"]] == [("dns-0", True)]


@pytest.mark.parametrize(
    "request_",
    [
        {"op": "dance"},
        {"op": "explain", "name": "192.0.2.1"},
        {"op": "explain", "name": "a.test", "channel": "smoke"},
        {"op": "explain", "name": "a.test", "address": "nowhere"},
        {"op": "explain", "name": ["a.test"]},
    ],
)
def test_a_request_that_cannot_be_answered_gets_its_reason(place, engine, request_):
    reply = play(place, engine, lambda control: control.answer(request_))

    assert not reply["ok"]
    assert reply["error"]


def test_an_explanation_never_tells_a_confidential_entry(place, engine):
    request = {"op": "explain", "name": "worse.test", "channel": "dns"}

    found = play(place, engine, lambda control: control.answer(request))

    assert (found["reason"], found["rule"]) == ("csam", None)


def test_a_fault_in_the_background_stays_in_the_status_until_the_same_work_succeeds(place, engine, caplog):
    async def fail():
        raise OSError("no room")

    async def succeed():
        """Nothing to do."""

    async def run():
        control = make(place, engine)
        await guarded(control, "audit records", fail)
        await guarded(control, "audit records", fail)
        before = dict(control.faults)
        await guarded(control, "audit records", succeed)
        return before, control.faults

    before, after = asyncio.run(run())

    assert (before, after) == ({"audit records": "OSError: no room"}, {})
    assert len(caplog.records) == 1
