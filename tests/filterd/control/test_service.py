import asyncio
import os
import signal
from datetime import UTC, datetime
from ipaddress import IPv4Network, ip_network
from pathlib import Path

import pytest
from sqlalchemy import insert
from support.lists.server import Shelved, serving

from fastpath.wire.name import to_wire
from filterd.audit.list_counts import list_counts
from filterd.config import load
from filterd.control.service import Control, guarded
from filterd.images.compile import CompileFailed, compile_config
from filterd.kernel.lock_enforcer import LockKeeper
from filterd.process.json_socket import serve
from mgmt.orders.judge import URL, Entry, Order
from mgmt.orders.store import put_order, withdraw_order
from parental.database import open_database, opened, writing
from parental.profile import Profile
from parental.store import pause, put_subscriber
from parental.subscriber import Subscriber

pytestmark = pytest.mark.services

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


def push(engine, name, ref="T-1", mode="subtree"):
    entry = Entry(1, name, name.encode() if mode == URL else to_wire(name.encode()), mode, "pending", None)
    order = Order("PTA", ref, "a law", "subtree", None, False, ((name, "subtree"),))
    with writing(engine) as conn:
        return put_order(conn, order, [entry], b"", datetime.now(UTC))


def test_at_the_start_lists_orders_and_people_are_in_force(place, engine):
    push(engine, "ordered.test")

    async def work(control):
        return [control.explain(name, None, "dns")["reason"] for name in ("listed.test", "ordered.test", "other.test")]

    assert play(place, engine, work) == ["order", "order", "default"]


def test_an_address_is_explained_as_such(place, engine):
    async def work(control):
        return control.explain("::ffff:192.0.2.7", None, "dns")

    found = play(place, engine, work)

    assert (found["name"], found["action"], found["matches"]) == ("192.0.2.7", "passthru", [])


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
        (place / "pta.txt").write_text("<html>")
        lists = await control.reload()
        faults = dict((await control.status())["faults"])
        reason = control.explain("listed.test", None, "dns")["reason"]
        (place / "pta.txt").write_text("listed.test\n")
        await control.reload()
        return refused, lists, faults, reason, (await control.status())["faults"]

    refused, lists, faults, reason, mended = play(place, engine, work)

    assert not refused["ok"] and "/nonsense" in refused["error"]
    assert lists["ok"] and lists["faults"] == faults
    assert set(faults) == {"list pta"} and "a web page" in faults["list pta"] and "stays" in faults["list pta"]
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


def test_a_list_that_is_not_there_at_the_start_is_told_and_stops_no_other(place, engine):
    (place / "pta.txt").unlink()

    async def work(control):
        return (await control.status())["faults"], control.explain("worse.test", None, "dns")["reason"]

    faults, reason = play(place, engine, work)

    assert "pta.txt is not there; nothing of it is in force" in faults["list pta"]
    assert reason == "csam"


def test_without_any_names_to_begin_with_the_start_fails_and_says_why(place, engine):
    (place / "state/lists/pta").mkdir(parents=True)
    (place / "state/lists/pta/state.json").write_text("{")

    with pytest.raises(CompileFailed, match=r"state\.json"):
        asyncio.run(make(place, engine).start())


def test_a_dropped_file_is_taken_once_it_has_settled(place, engine):
    async def work(control):
        (place / "pta.txt").write_text("listed.test\nlate.test\n")
        await control.tend_lists()
        first = control.explain("late.test", None, "dns")["reason"]
        os.utime(place / "pta.txt", (1, 1))
        await control.tend_lists()
        return first, control.explain("late.test", None, "dns")["reason"]

    assert play(place, engine, work) == ("default", "order")


def test_a_version_that_shrank_is_in_force_once_somebody_approves_it_and_gone_when_it_is_rolled_back(place, engine):
    (place / "pta.txt").write_text("".join(f"n{number}.test\n" for number in range(100)))

    async def work(control):
        def reasons():
            return [control.explain(name, None, "dns")["reason"] for name in ("n1.test", "n99.test")]

        (place / "pta.txt").write_text("".join(f"n{number}.test\n" for number in range(50)))
        held = await control.answer({"op": "lists_refresh"})
        before = reasons()
        wrong = await control.answer({"op": "lists_approve", "list": "pta", "version": "0000"})
        approved = await control.answer({"op": "lists_approve", "list": "pta", "by": "a person"})
        after = reasons()
        await control.answer({"op": "lists_rollback", "list": "pta", "by": "a person"})
        return held, before, wrong, approved, after, reasons(), await control.answer({"op": "lists_refresh"}), reasons()

    held, before, wrong, approved, after, back, again, still = play(place, engine, work)

    assert held["ok"] and "it shrank" in held["faults"]["list pta"]
    assert before == back == still == ["order", "order"]
    assert not wrong["ok"] and "another version" in wrong["error"]
    assert approved["ok"] and approved["faults"] == {}
    assert after == ["order", "default"]
    assert "a person has rolled it back" in again["faults"]["list pta"]


def test_a_list_is_pulled_when_it_is_due_and_in_force(place, engine):
    server = Shelved("pulled.test\n")

    async def work(control):
        async with serving(server.answer) as url:
            lists = f'lists: [{{id: far, url: "{url}", format: plain, tier: order}}]\n'
            (place / "f.yaml").write_text("\n".join([*SAID.splitlines()[:5], lists]))
            await control.reload()
            told = (await control.status())["faults"]
            await control.pull_lists()
            await control.pull_lists()
            return told, control.explain("pulled.test", None, "dns"), (await control.status())["faults"]

    told, found, after = play(place, engine, work)

    assert "not pulled yet" in told["list far"]
    assert (found["list"], after, server.asked) == ("far", {}, [200])


def test_the_status_holds_lists_ages_and_generations(place, engine):
    status = play(place, engine, lambda control: control.status())

    assert [each["id"] for each in status["lists"]] == ["pta", "stop", "help-corridor", "orders"]
    assert status["ages_s"].keys() == status["generations"].keys() == {"names", "urls", "subscribers", "policy"}
    assert [(each["name"], bool(each["refused"])) for each in status["workers"]] == [("dns-0", True)]


def test_a_list_in_the_shadow_is_compiled_as_one_and_told_with_its_counts(place, engine):
    new = "{id: new, file: new.txt, format: rpz, tier: order, action: shadow}"
    (place / "f.yaml").write_text(SAID.replace("lists: [", f"lists: [{new}, "))
    (place / "new.txt").write_text("listed.test CNAME .\ntried.test CNAME .\n")

    async def work(control):
        with writing(engine) as conn:
            conn.execute(insert(list_counts).values(list="new", channel="dns", count=3))
        listed, tried, worse = (control.explain(f"{name}.test", None, "dns") for name in ("listed", "tried", "worse"))
        return (await control.status())["shadowed"], listed, tried, worse

    counts, listed, tried, worse = play(place, engine, work)

    assert counts == {"new": {"dns": 3}}
    assert (listed["list"], listed["shadow"]) == ("pta", "new")
    assert (tried["action"], tried["list"], tried["shadow"]) == ("passthru", None, "new")
    assert worse["shadow"] is None


@pytest.mark.parametrize(
    "request_",
    [
        {"op": "dance"},
        {"op": "explain", "name": "192.0.2.1."},
        {"op": "explain", "name": "a.test", "channel": "smoke"},
        {"op": "explain", "name": "a.test", "address": "nowhere"},
        {"op": "explain", "name": ["a.test"]},
        {"op": "lists_refresh", "lists": ["pta", "nonsense"]},
        {"op": "lists_refresh", "lists": "pta"},
        {"op": "lists_approve"},
        {"op": "lists_approve", "list": "pta"},
        {"op": "lists_rollback", "list": "pta"},
        {"op": "lists_rollback", "list": ["pta"]},
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


def test_a_delta_that_has_grown_large_is_merged_into_a_base_and_nothing_changes_but_that(place, engine, monkeypatch):
    monkeypatch.setattr("filterd.images.live_delta.MERGE_NAMES", 1)

    async def work(control):
        await control.merge()
        first, gone = push(engine, "first.test"), push(engine, "gone.test", "T-2")
        await control.orders_changed()
        before = control.generations["names"][0], control.has_overgrown.is_set(), explained(control)
        with writing(engine) as conn:
            withdraw_order(conn, gone, "a court", datetime.now(UTC))
        async with asyncio.TaskGroup() as group:
            group.create_task(control.merge())
            await compilation()
            third = push(engine, "third.test", "T-3")
            await control.orders_changed()  # while it is compiled
        return (first, gone, third), before, (await control.status()), explained(control)

    def explained(control):
        return [control.explain(name, None, "dns").get("order") for name in ("first.test", "gone.test", "third.test")]

    (first, gone, third), before, status, after = play(place, engine, work)

    assert before == (1, True, [first, gone, None])
    assert status["generations"]["names"][0] > 1
    assert status["delta_names"] <= 2  # gone.test, if it was read before it went, and third.test
    assert after == [first, None, third]


def test_a_merge_that_is_killed_loses_nothing_and_the_next_one_succeeds(place, engine, monkeypatch):
    monkeypatch.setattr("filterd.images.live_delta.MERGE_NAMES", 0)

    async def work(control):
        push(engine, "ordered.test")
        await control.orders_changed()
        with pytest.raises(ExceptionGroup, match="unhandled") as fault:
            async with asyncio.TaskGroup() as group:
                group.create_task(control.merge())
                os.kill(await compilation(), signal.SIGKILL)
        assert fault.group_contains(CompileFailed, match="nothing changed")
        killed = (control.generations["names"][0], control.explain("ordered.test", None, "dns")["reason"])
        await control.merge()
        status = await control.status()
        return killed, status, control.explain("ordered.test", None, "dns")["reason"]

    killed, status, reason = play(place, engine, work)

    assert killed == (1, "order")
    assert (status["generations"]["names"][0] > 1, status["delta_names"], reason) == (True, 0, "order")


async def compilation():
    """The process that compiles, once it has begun."""
    own = Path(f"/proc/self/task/{os.getpid()}/children")
    while True:
        for child in own.read_text().split():
            if b"compile" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
        await asyncio.sleep(0.001)


def test_a_base_with_orders_that_the_database_does_not_know_is_compiled_anew(place, engine):
    push(engine, "ordered.test")
    play(place, engine, lambda control: control.status())
    engine.dispose()
    for file in (place / "state").glob("filterd.db*"):
        file.unlink()
    with opened(place / "state/filterd.db") as empty:
        reason = play(place, empty, lambda control: asyncio.to_thread(control.explain, "ordered.test", None, "dns"))[
            "reason"
        ]

    assert reason == "default"


def test_an_explanation_names_the_line_and_a_rule_that_was_folded_away(place, engine):
    (place / "pta.txt").write_text("listed.test\nother.test\nwww.listed.test\n")

    found = play(place, engine, lambda control: asyncio.to_thread(control.explain, "www.listed.test", None, "dns"))

    assert [(each["rule"], each["line"], each.get("folded", False)) for each in found["matches"]] == [
        ("listed.test", 1, False),
        ("www.listed.test", 3, True),
    ]


def test_a_url_of_an_order_is_in_force_where_paths_are_seen(place, engine):
    push(engine, "shared.test/page", mode=URL)

    async def work(control):
        await control.orders_changed()
        return [control.explain("https://shared.test/page", None, channel) for channel in ("http", "sni")]

    by_http, by_sni = play(place, engine, work)

    assert (by_http["reason"], by_http["name"], by_http["order_ref"]) == ("order", "shared.test/page", "T-1")
    assert by_http["enforceability"] == "enforced_http_only"
    assert by_sni["action"] == "passthru"


def test_addresses_of_lists_are_suspected_when_the_names_change_and_at_no_other_time(place, engine, monkeypatch):
    more = ", {id: vpns, file: vpns.txt, format: addresses, tier: category, category: bypass}]"
    (place / "f.yaml").write_text(SAID.rstrip().removesuffix("]") + more)
    (place / "vpns.txt").write_text("203.0.113.0/24\n2001:db8:bad::1\n")
    told = []

    async def work(control):
        monkeypatch.setattr(control.locks, "suspect", told.append)
        found = [control.has_new_names.is_set()]
        await control.suspect()
        for change in (control.policy_changed, control.orders_changed, control.suspect):
            if change == control.orders_changed:
                push(engine, "ordered.test")
            await change()
            found.append(control.has_new_names.is_set())
        return found

    assert play(place, engine, work) == [True, False, True, False]
    assert told[0] == {ip_network("203.0.113.0/24"), ip_network("2001:db8:bad::1")}
    assert told[1] is told[0]
