"""Small changes of a zone are live at once, and what is not small goes the way of any list."""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from support.control.box import database_key
from support.dns.played_primary import APEX, PlayedPrimary, rule
from support.dns.primaries import HOST, KEY, SECRET, ZONE, primary, records
from support.present import present
from support.system.daemon import Daemon, eventually
from support.system.ports import free_port

from dns.base.message import Record
from dns.base.wire_format import AXFR, IXFR, A
from fastpath.images.verdict import Action
from fastpath.wire.name import to_wire
from filterd.box.places import database_file
from filterd.config import load
from filterd.control.base.clock import Clock
from filterd.control.lock_enforcer import LockKeeper
from filterd.control.service import Control
from filterd.images.lists.jobs import take
from filterd.images.lists.sources import shelf_of
from filterd.images.lists.zone_copies import newest_of
from filterd.images.lists.zone_journal import Journal
from filterd.images.zone_updates import watched_zones
from mgmt.ledger.event import CONTROL
from mgmt.orders.base.model import Entry, EntryMode, EntryStatus, Order
from mgmt.orders.store import put_order
from parental.store.database import open_database, writing
from parental.store.engines import Where

pytestmark = pytest.mark.services

SAID = """
state_dir: state
run_dir: run
dns: {{upstreams: ["192.0.2.53:53"], workers: 0}}
gate: {{workers: 0}}
protected: {{names: [kept.test]}}
lists:
  - {{id: z, zone: rpz.test, primaries: ["127.0.0.1:{port}"], format: rpz, tier: security, grow_percent: 9000}}
"""


@pytest.fixture
def place(tmp_path: Path, database: Where) -> Any:
    (tmp_path / "key").write_text(database_key(database))
    for folder in ("state", "run"):
        (tmp_path / folder).mkdir()
    return tmp_path


@pytest.fixture
def engine(place: Path, database: Where) -> Iterator[Any]:
    opened = open_database(database if isinstance(database, str) else database_file(place / "state"))
    yield opened
    opened.dispose()


def play(place: Path, engine: Engine, work: Any, said: str = SAID) -> Any:
    """Start a control beside a primary, let the zone come, and let `work(control, played)` go on."""

    async def run() -> Any:
        played = PlayedPrimary()
        async with played.listening() as port:
            (place / "f.yaml").write_text(said.format(port=port) + (place / "key").read_text())
            control = make(place, engine)
            await control.start()
            await control.lists.pull(["z"])
            await control.lists.compile_if_changed()
            return await work(control, played)

    return asyncio.run(run())


def make(place: Path, engine: Engine) -> Any:
    return Control(load(place / "f.yaml"), place / "f.yaml", engine, LockKeeper(engine, None), Clock(engine))


def is_blocked(control: Control, number: int) -> Any:
    return control.publisher.tables.decide(to_wire(b"n%04d.test" % number), None, 0).action == Action.NXDOMAIN


def generation(control: Control) -> Any:
    return control.publisher.generations["names"]


def journal(control: Control) -> Any:
    return Journal(shelf_of(control.config, control.config.lists[0]).directory)


def test_a_few_names_are_in_force_without_a_compilation(place: Path, engine: Engine) -> None:
    async def work(control: Control, played: Any) -> None:
        base, delta = generation(control)
        played.change([1], [500])
        await control.lists.pull(["z"])

        assert (is_blocked(control, 1), is_blocked(control, 2), is_blocked(control, 500)) == (False, True, True)
        assert generation(control)[0] == base and generation(control)[1] > delta
        assert played.asked == [AXFR, IXFR]
        assert shelf_of(control.config, control.config.lists[0]).kept().confirmed_s > time.time() - 60
        assert present(newest_of(control.config, control.config.lists[0], kept(control))).serial == 2

    play(place, engine, work)


def kept(control: Control) -> Any:
    return shelf_of(control.config, control.config.lists[0]).kept()


def test_orders_and_a_zone_are_in_one_delta_and_leave_each_other_alone(place: Path, engine: Engine) -> None:
    async def work(control: Control, played: Any) -> None:
        with writing(engine) as conn:
            entries = [Entry(1, "n0001.test", to_wire(b"n0001.test"), EntryMode.SUBTREE, EntryStatus.PENDING, None)]
            put_order(conn, Order("PTA", "1", "", "subtree", None, False, ()), entries, b"", control_time(), CONTROL)
        await control.publisher.names_changed()
        played.change([1, 2], [500])
        await control.lists.pull(["z"])

        # the zone has let it go, the order not
        assert control.publisher.tables.decide(to_wire(b"n0001.test"), None, 0).order == 1
        assert (is_blocked(control, 2), is_blocked(control, 500)) == (False, True)

    play(place, engine, work)


def control_time() -> Any:
    return datetime.now(UTC)


def test_after_a_restart_the_changes_are_still_in_force(place: Path, engine: Engine) -> None:
    async def work(control: Control, played: Any) -> None:
        played.change([1], [500])
        await control.lists.pull(["z"])
        again = make(place, engine)
        await again.start()

        assert (is_blocked(again, 1), is_blocked(again, 500)) == (False, True)
        assert generation(again)[0] == generation(control)[0]

    play(place, engine, work)


def test_a_new_base_takes_the_journals_changes_and_forgets_them(
    place: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(control: Control, played: Any) -> None:
        base = generation(control)[0]
        monkeypatch.setattr("filterd.images.lists.zone_copies.LONG_RECORDS", 2)
        played.change([1], [500])
        await control.lists.pull(["z"])
        assert journal(control).octets() > 0
        # The reader is a process of its own; here it is asked to merge whatever its threshold says.
        take(control.config, ["z"], time.time())
        await control.lists.compile_if_changed()

        assert (is_blocked(control, 1), is_blocked(control, 500)) == (False, True)
        assert generation(control)[0] > base
        assert journal(control).octets() == 0
        played.change([500], [1])
        await control.lists.pull(["z"])
        assert (is_blocked(control, 1), is_blocked(control, 500)) == (True, False)
        assert played.asked == [AXFR, IXFR, IXFR]

    play(place, engine, work)


def test_what_came_while_a_base_was_compiled_is_in_force_with_it(place: Path, engine: Engine) -> None:
    async def work(control: Control, played: Any) -> None:
        played.change([1], [500])
        compiling = asyncio.ensure_future(control.publisher.compile())  # noqa: TID251  # a test's own
        await asyncio.sleep(0.05)
        await control.lists.pull(["z"])
        await compiling

        assert (is_blocked(control, 1), is_blocked(control, 500)) == (False, True)

    play(place, engine, work)


@pytest.mark.parametrize(
    "change",
    [
        {"removed": range(30)},  # judging would hold it
        {"more": [Record(b"\1x" + APEX, A, 1, 60, bytes(4))]},  # no rule by itself
        {"added": range(1000, 3600)},  # many
    ],
    ids=["shrinks", "addresses", "many"],
)
def test_what_is_not_small_is_pulled_and_judged(place: Path, engine: Engine, change: Any) -> None:
    async def work(control: Control, played: Any) -> None:
        base = generation(control)[0]
        played.change(**change)
        await control.lists.pull(["z"])

        assert played.asked == [AXFR, IXFR, IXFR]  # the second one by the pull
        if "removed" in change:
            assert (kept(control).held.n_rules, is_blocked(control, 1), generation(control)[0]) == (70, True, base)
        else:
            assert kept(control).held is None
            assert generation(control)[0] > base
        assert journal(control).octets() == 0

    play(place, engine, work)


def test_changes_that_shrink_it_step_by_step_are_not_small_for_ever(place: Path, engine: Engine) -> None:
    async def work(control: Control, played: Any) -> None:
        for step in range(5):
            played.change(range(step * 9, step * 9 + 9))
            await control.lists.pull(["z"])

        assert (is_blocked(control, 17), is_blocked(control, 19)) == (False, True)
        assert kept(control).held.n_rules == 100 - 45

    play(place, engine, work)


def test_more_new_names_than_a_list_of_orders_may_bring_are_held_and_not_in_force(place: Path, engine: Engine) -> None:
    async def work(control: Control, played: Any) -> None:
        played.change(added=range(1000, 1400))
        await control.lists.pull(["z"])
        assert is_blocked(control, 1399)
        played.change(added=range(2000, 2200))
        await control.lists.pull(["z"])

        assert played.asked == [AXFR, IXFR, IXFR, IXFR]  # the third one by the pull
        assert kept(control).held.n_rules == 100 + 600
        assert (is_blocked(control, 1399), is_blocked(control, 2000)) == (True, False)

    play(place, engine, work, SAID.replace("tier: security", "tier: order"))


def test_a_protected_name_is_never_put_in_force(place: Path, engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    async def work(control: Control, played: Any) -> None:
        played.change([], [], [Record(b"\4kept\4test" + APEX, 5, 1, 60, b"\0"), rule(700)])
        await control.lists.pull(["z"])

        assert is_blocked(control, 700)
        assert control.publisher.tables.decide(to_wire(b"kept.test"), None, 0).action == Action.PASSTHRU

    play(place, engine, work)
    assert "1 new records are not enforced" in caplog.text


def test_a_primary_that_is_gone_is_told_and_what_is_in_force_stays(place: Path, engine: Engine) -> None:
    async def work(control: Control, played: Any) -> Any:
        return control

    control = play(place, engine, work)
    asyncio.run(control.lists.pull(["z"]))
    assert is_blocked(control, 1)
    assert kept(control).failed is not None


def test_who_may_tell_of_a_zone_is_who_is_asked_for_it(place: Path, engine: Engine) -> None:
    async def work(control: Control, played: Any) -> None:
        (place / "k").write_text(f"hmac-sha256:k:{SECRET}")
        (place / "f.yaml").write_text((place / "f.yaml").read_text().replace("format: rpz", "format: rpz, tsig: k"))
        watched = watched_zones(load(place / "f.yaml"))
        assert list(watched) == [APEX]
        assert watched[APEX].hosts == {"127.0.0.1"} and present(watched[APEX].key).name == b"\1k\0"
        (place / "k").write_text("nothing")
        assert watched_zones(load(place / "f.yaml"))[APEX].key is None
        assert control.lists.of_zone(APEX) == ["z"] and control.lists.of_zone(b"\5other\0") == []

    play(place, engine, work)


# ------------------------------------------------------------------------------------------------- with a real primary


# Of a zone that is smaller than a change to it, BIND gives the whole.
NAMES = ["bad.example", *(f"n{number}.example" for number in range(100))]


class WithZone(Daemon):
    """A daemon with a zone of a primary that tells of its changes."""

    def __init__(self, folder: Path, port: int, notify: Any) -> None:
        self.port, self.notify = port, notify
        folder.mkdir()
        super().__init__(folder)

    def _said(self) -> dict[str, Any]:
        (self.folder / "k").write_text(f'key "{KEY}" {{\n\talgorithm hmac-sha256;\n\tsecret "{SECRET}";\n}};\n')
        said: dict[str, Any] = json.loads(json.dumps(super()._said()))
        zone = {
            "id": "threat",
            "zone": ZONE,
            "primaries": [f"{HOST}:{self.port}"],
            "tsig": "k",
            "format": "rpz",
            "tier": "security",
            "action": "nxdomain",
        }
        said["lists"].append(zone)
        return said | {"transfers": {"notify": [f"{HOST}:{self.notify}"]}}


@pytest.mark.parametrize("kind", ["bind", "knot"])
def test_a_real_primary_tells_and_its_change_is_answered(kind: str, tmp_path: Path) -> None:
    notify = free_port()
    with primary(kind, tmp_path / kind, records(NAMES), notify_port=notify) as server:
        daemon = WithZone(tmp_path / "filterd", server.port, notify)
        daemon.start()
        try:
            eventually(lambda: daemon.ask("www.bad.example")[0] == 3, "the zone")
            assert daemon.ask("worse.example")[0] == 0
            server.update(f"update add worse.example.{ZONE} 60 CNAME .", f"update delete bad.example.{ZONE} CNAME")
            eventually(lambda: daemon.ask("worse.example")[0] == 3, "the change")
            assert daemon.ask("bad.example")[0] == 0 and daemon.ask("www.bad.example")[0] == 3
            eventually(lambda: "list threat: serial 2 in force" in daemon.log(), "its line in the log")
        finally:
            daemon.stop()
