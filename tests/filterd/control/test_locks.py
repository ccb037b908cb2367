import asyncio
import threading
from collections.abc import Set
from datetime import UTC, datetime
from ipaddress import IPv4Network, ip_address, ip_network
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.control.box import play, push

from dns.base.address_query import Addresses
from dns.base.endpoints import Endpoint
from dns.base.errors import UpstreamFailure
from dns.base.wire_format import A
from filterd.control.corridor import Corridor
from filterd.control.lock_enforcer import LockKeeper, PendingCut
from filterd.control.service import Control
from filterd.images.store import ImageStore
from filterd.kernel.intervals import Network
from filterd.process.control_messages import Explanation
from parental.policy.profile import Profile
from parental.policy.subscriber import Subscriber
from parental.policy.subscribers import pause, put_subscriber
from parental.store.database import writing

pytestmark = pytest.mark.services


def test_a_pause_locks_and_says_until_when(place: Path, engine: Engine) -> None:
    with writing(engine) as conn:
        put_subscriber(conn, Subscriber(7, "home", (IPv4Network("192.0.2.7/32"),), Profile()))

    async def work(control: Control) -> tuple[Explanation, Explanation]:
        with writing(engine) as conn:
            pause(conn, 7, datetime(2100, 1, 1, tzinfo=UTC))
        receipt = await control.locks.policy_changed()
        assert receipt.generation == max(control.publisher.generations["policy"])
        assert await control.locks.refresh() == datetime(2100, 1, 1, tzinfo=UTC)
        explain = control.explainer.explain
        return explain(None, "192.0.2.7", "sni"), explain(None, "192.0.2.8", "sni")

    mine, other = play(place, engine, work)

    assert (mine.reason, mine.until, mine.subscriber) == ("pause", "2100-01-01T00:00:00+00:00", 7)
    assert other.reason == "default"


def test_a_tap_has_the_clock_looked_at_again_only_where_that_is_due_earlier_or_has_failed(
    place: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(engine) as conn:
        put_subscriber(conn, Subscriber(7, "home", (IPv4Network("192.0.2.7/32"),), Profile()))
    taps = (None, datetime(2100, 1, 1, tzinfo=UTC), datetime(2101, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC))

    def refuse(*_: object) -> None:
        raise RuntimeError("nft: refused")

    async def work(control: Control) -> list[bool]:
        locks, found = control.locks, []
        for until in taps:
            await locks.refresh()
            with writing(engine) as conn:
                pause(conn, 7, until)
            await locks.policy_changed()
            found.append(locks.is_due_earlier)
        monkeypatch.setattr(LockKeeper, "refresh", refuse)
        with pytest.raises(RuntimeError):
            await locks.refresh()
        return [*found, locks.is_due_earlier]

    assert play(place, engine, work) == [False, True, False, True, True]


def test_a_cut_that_the_kernel_refuses_is_told_and_keeps_no_pause_from_the_workers(
    place: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: LockKeeper, _uncut: PendingCut) -> int:
        raise RuntimeError("conntrack: no memory")

    with writing(engine) as conn:
        put_subscriber(conn, Subscriber(7, "home", (IPv4Network("192.0.2.7/32"),), Profile()))
    monkeypatch.setattr(LockKeeper, "cut", refuse)

    async def work(control: Control) -> Explanation:
        with writing(engine) as conn:
            pause(conn, 7, None)
        with pytest.raises(RuntimeError, match="no memory"):
            await control.locks.policy_changed()
        return control.explainer.explain(None, "192.0.2.7", "sni")

    assert play(place, engine, work).reason == "pause"


def test_a_pause_is_in_the_kernel_while_a_publication_of_names_still_waits_for_its_disk(
    place: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_waiting, may_go_on, is_locked = threading.Event(), threading.Event(), threading.Event()
    settle, lock = ImageStore.settle, LockKeeper.lock

    def wait(store: ImageStore) -> None:
        is_waiting.set()
        assert may_go_on.wait(60)
        settle(store)

    def noted(keeper: LockKeeper) -> PendingCut:
        uncut = lock(keeper)
        is_locked.set()
        return uncut

    with writing(engine) as conn:
        put_subscriber(conn, Subscriber(7, "home", (IPv4Network("192.0.2.7/32"),), Profile()))

    async def work(control: Control) -> tuple[bool, str]:
        monkeypatch.setattr(ImageStore, "settle", wait)
        monkeypatch.setattr(LockKeeper, "lock", noted)
        push(engine, "ordered.test")
        async with asyncio.TaskGroup() as group:
            group.create_task(control.publisher.names_changed())
            assert await asyncio.to_thread(is_waiting.wait, 60)
            with writing(engine) as conn:
                pause(conn, 7, None)
            group.create_task(control.locks.policy_changed())
            was_locked = await asyncio.to_thread(is_locked.wait, 60)
            may_go_on.set()
        return was_locked, control.explainer.explain(None, "192.0.2.7", "sni").reason

    assert play(place, engine, work) == (True, "pause")


def test_what_the_corridor_has_found_is_open_even_where_a_name_could_not_be_asked(
    place: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Set[Network]] = []
    monkeypatch.setattr(LockKeeper, "open_corridor", lambda _self, networks: given.append(networks))
    (place / "f.yaml").write_text((place / "f.yaml").read_text() + "help_corridor: {names: [help.test]}\n")

    async def ask(_resolver: Endpoint, wire: bytes, qtype: int) -> Addresses:
        if wire.startswith(b"\x03www"):
            raise UpstreamFailure("resolver: SERVFAIL")
        return ((ip_address("192.0.2.40"), 60),) if qtype == A else ()

    async def work(control: Control) -> None:
        monkeypatch.setattr(control.locks, "_corridor", Corridor(ask))
        with pytest.raises(UpstreamFailure):
            await control.locks.open_corridor(control.config)

    play(place, engine, work)

    assert given == [{IPv4Network("192.0.2.40/32")}]


def test_addresses_of_lists_are_suspected_when_the_names_change_and_at_no_other_time(
    place: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = ", {id: vpns, file: vpns.txt, format: addresses, tier: category, category: bypass}]"
    (place / "f.yaml").write_text((place / "f.yaml").read_text().replace("}]\n", "}" + more + "\n"))
    (place / "vpns.txt").write_text("203.0.113.0/24\n2001:db8:bad::1\n")
    given: list[Set[Network]] = []
    monkeypatch.setattr(LockKeeper, "suspect", lambda _self, suspects: given.append(suspects))

    async def work(control: Control) -> list[bool]:
        has_new_names = control.publisher.has_new_names
        found = [has_new_names.is_set()]
        await control.locks.suspect()
        await control.locks.policy_changed()
        found.append(has_new_names.is_set())
        push(engine, "ordered.test")
        await control.publisher.names_changed()
        found.append(has_new_names.is_set())
        await control.locks.suspect()
        return [*found, has_new_names.is_set()]

    assert play(place, engine, work) == [True, False, True, False]
    assert given[0] == {ip_network("203.0.113.0/24"), ip_network("2001:db8:bad::1")}
    assert given[1] is given[0]
