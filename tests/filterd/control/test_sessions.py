import asyncio
import logging
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import Engine
from support.control.box import play

from fastpath.people.session_levels import open_sessions
from filterd.control import sessions
from filterd.control.lock_enforcer import LockKeeper
from filterd.control.service import Control
from filterd.process.codec import FailureReply
from filterd.process.control_messages import Explanation, IdentifiedProfiles, Identify, SessionsReceipt, SessionsUpdate
from filterd.radius.images import SessionImages, write_base
from parental.policy.line_names import put_name
from parental.policy.profile import Profile
from parental.policy.subscriber import Subscriber
from parental.policy.subscribers import pause, put_subscriber
from parental.sessions.record import slot_of
from parental.store.database import writing

pytestmark = pytest.mark.services


def publish(place: Path, profile: int) -> None:
    """What the radius role would: one session."""
    images = SessionImages(place / "state/session-images", lambda _: None)
    base = images.next_base()
    write_base(base, [(slot_of(ip_network("192.0.2.7/32")), profile)], {}, lambda _: None)
    images.use_base(base, 1, "")
    images.publish({})


@pytest.fixture(autouse=True)
def nas(place: Path) -> None:
    with (place / "f.yaml").open("a") as file:
        file.write(
            "radius: {listen: ['127.0.0.1:1813'], nas: [{name: b, address: '::1', secret: s, pools: [192.0.2.0/24]}]}\n"
        )


@pytest.fixture
def line(engine: Engine) -> None:
    with writing(engine) as conn:
        put_subscriber(conn, Subscriber(7, "home", (), Profile()))
        put_name(conn, "flat3", 7)
        pause(conn, 7, datetime(2100, 1, 1, tzinfo=UTC))


@pytest.mark.usefixtures("line")
def test_names_are_answered_with_profiles_as_of_a_revision(place: Path, engine: Engine) -> None:
    async def work(control: Control) -> list[object]:
        return [await control.answer(Identify(["flat3", "flat4"])), await control.answer(Identify([], 0))]

    first, changed = play(place, engine, work)

    assert isinstance(first, IdentifiedProfiles) and isinstance(changed, IdentifiedProfiles)
    assert (first.profiles, changed.profiles) == ({"flat3": 7}, {"flat3": 7})
    assert first.revision == changed.revision > 0


@pytest.mark.usefixtures("line")
def test_an_explanation_knows_the_line_of_a_session_from_the_start_and_from_a_change_on(
    place: Path, engine: Engine
) -> None:
    publish(place, 8)

    async def work(control: Control) -> list[Explanation | SessionsReceipt | FailureReply]:
        explain = control.explainer.explain
        before = explain(None, "192.0.2.7", "sni")
        publish(place, 7)
        held = await control.answer(SessionsUpdate(["192.0.2.7/32"], [], [7, 8]))
        assert isinstance(held, SessionsReceipt)
        await control.locks.policy_changed()  # a publication keeps what is known of sessions
        return [before, explain(None, "192.0.2.7", "sni"), held]

    before, after, held = play(place, engine, work)

    assert isinstance(before, Explanation) and isinstance(after, Explanation)
    assert (before.subscriber, after.subscriber, after.reason) == (8, 7, "pause")
    assert held == SessionsReceipt(0)


@pytest.mark.usefixtures("line")
def test_images_of_sessions_that_cannot_be_read_are_a_fault_and_older_ones_stay(place: Path, engine: Engine) -> None:
    publish(place, 7)

    async def work(control: Control) -> list[object]:
        (place / "state/session-images/sessions.json").write_text("rubbish")
        await control.answer(SessionsUpdate(["192.0.2.7/32"], [], [7, 8]))
        faults = dict(control.faults)
        publish(place, 7)
        await control.answer(SessionsUpdate(["192.0.2.7/32"], [], [7, 8]))
        return [faults, dict(control.faults), control.explainer.explain(None, "192.0.2.7", "sni").subscriber]

    broken, mended, subscriber = play(place, engine, work)

    assert isinstance(broken, dict) and "older images of sessions stay" in broken["sessions"]
    assert (mended, subscriber) == ({}, 7)


def test_prefixes_that_no_nas_may_give_are_neither_locked_nor_cut_and_hold_up_no_other_one(
    place: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    moved: list[tuple[object, object]] = []
    monkeypatch.setattr(LockKeeper, "move_sessions", lambda _, its, losers, cut: moved.append((its, cut)))
    outside = ["0.0.0.0/0", "198.51.100.7/32", "2001:db8::/56"]

    async def work(control: Control) -> list[dict[str, str]]:
        with caplog.at_level(logging.WARNING):
            replies = [
                await control.answer(SessionsUpdate([*outside, "192.0.2.7/32"], outside)),
                await control.answer(SessionsUpdate([], ["198.51.100.8/32", "192.0.2.7/32"])),
            ]
        found = dict(control.faults)
        replies.append(await control.answer(SessionsUpdate(["192.0.2.7/32"], [])))
        assert replies == [SessionsReceipt(0)] * 3
        return [found, dict(control.faults)]

    counted, over = play(place, engine, work)

    ours = frozenset({ip_network("192.0.2.7/32")})
    assert moved == [(ours, frozenset()), (frozenset(), ours), (ours, frozenset())]
    assert "4 prefixes so far" in counted["sessions outside of pools"]
    assert over == {}
    assert caplog.text.count("in no pool") == 1


def test_what_is_no_prefix_is_refused(place: Path, engine: Engine) -> None:
    async def work(control: Control) -> None:
        with pytest.raises(ValueError, match="rubbish"):
            await control.answer(SessionsUpdate(["rubbish"], []))

    play(place, engine, work)


@pytest.mark.usefixtures("line")
def test_images_that_were_opened_first_do_not_take_the_place_of_newer_ones(
    place: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(place, 8)
    has_opened, goes_on, is_first = Event(), Event(), True

    def slowly(*given: Any) -> object:
        nonlocal is_first
        was_first, is_first = is_first, False
        found = open_sessions(*given)
        if was_first:
            has_opened.set()
            assert goes_on.wait(60)
        return found

    async def work(control: Control) -> Explanation | FailureReply:
        monkeypatch.setattr(sessions, "open_sessions", slowly)
        async with asyncio.TaskGroup() as group:
            group.create_task(_tell(control))
            assert await asyncio.to_thread(has_opened.wait, 60)
            publish(place, 7)
            group.create_task(_tell(control))
            await asyncio.sleep(0.2)  # long enough to open the newer ones, where nothing held it up
            goes_on.set()
        return control.explainer.explain(None, "192.0.2.7", "sni")

    found = play(place, engine, work)

    assert isinstance(found, Explanation)
    assert found.subscriber == 7


async def _tell(control: Control) -> None:
    assert await control.answer(SessionsUpdate(["192.0.2.7/32"], [], [7, 8])) == SessionsReceipt(0)
