"""Screen time that a child begins at the splash: of its own line, of what is left, and only where it would be open."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from support.control.box import play

from filterd.box.places import database_file
from filterd.control.pages.screen_time import SplashScreenTime
from filterd.control.service import Control
from filterd.process.control_messages import SPLASH_REQUESTS
from filterd.process.json_socket import reply_to
from parental.calendar import screen_time
from parental.people.household import history
from parental.policy import profiles
from parental.policy import subscribers as store
from parental.policy.schedule import Interval, Schedule
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store.database import reading, writing
from parental.store.engines import Where, engine_of
from parental.store.schema.privileges import CONTROL

pytestmark = pytest.mark.services

CHILD, OTHER = "192.0.2.7", "192.0.2.8"


@pytest.fixture(autouse=True)
def homes(engine: Engine) -> None:
    """Line 7 has an hour of screen time a day; line 8 has no such limit, and is always closed."""
    with writing(engine) as conn:
        for number, address in ((7, CHILD), (8, OTHER)):
            store.put_subscriber(conn, Subscriber(number, "Home", (parse_prefix(address),)))
        screen_time.put_quota(conn, 7, 60, datetime.now(UTC))
        profiles.set_schedule(conn, 8, Schedule((Interval(0, 0, 10080),)))


async def told(control: Control, **request: Any) -> dict[str, Any]:
    line = json.dumps(request).encode() + b"\n"
    said: dict[str, Any] = json.loads(await reply_to(line, SPLASH_REQUESTS, control.answer_splash))
    return said


async def why(control: Control, address: str) -> dict[str, Any]:
    return await told(control, op="why_closed", name=None, address=address)


async def begin(control: Control, address: str) -> int:
    found: int = (await told(control, op="begin_time", address=address))["minutes"]
    return found


def test_a_child_begins_its_time_once_and_it_is_open_at_once(place: Path, engine: Engine) -> None:
    async def work(control: Control) -> list[Any]:
        before = await why(control, CHILD)
        return [before, await begin(control, CHILD), await why(control, CHILD), await begin(control, CHILD)]

    before, minutes, after, again = play(place, engine, work)

    assert (before["reason"], again) == ("quota", 0) and 0 < before["left_s"] <= 3600
    assert 0 < minutes <= 60  # fewer in the hour before midnight, which ends it
    assert after["reason"] == "default" and after["left_s"] is None
    with reading(engine) as conn:
        assert [(each.action, each.by_kind) for each in history(conn, 7)] == [("screen time started", "splash")]


def test_who_has_no_such_limit_and_a_stranger_begin_nothing(place: Path, engine: Engine) -> None:
    async def work(control: Control) -> list[Any]:
        return [await begin(control, OTHER), await begin(control, "198.51.100.1"), await why(control, OTHER)]

    nothing, stranger, other = play(place, engine, work)

    assert nothing == stranger == 0 and other["reason"] == "schedule" and other["left_s"] is None


def test_in_closed_hours_and_in_a_pause_no_minute_begins_to_run(place: Path, engine: Engine) -> None:
    with writing(engine) as conn:
        profiles.set_schedule(conn, 7, Schedule((Interval(0, 0, 10080),)))

    async def work(control: Control) -> list[Any]:
        in_hours = [await begin(control, CHILD), (await why(control, CHILD))["left_s"]]
        with writing(engine) as conn:
            profiles.set_schedule(conn, 7, Schedule())
            profiles.pause(conn, 7, None)
        return [*in_hours, await begin(control, CHILD)]

    assert play(place, engine, work) == [0, None, 0]


def test_a_day_s_time_that_is_used_up_is_called_so_and_does_not_begin(place: Path, engine: Engine) -> None:
    with writing(engine) as conn:
        now = datetime.now(UTC)
        screen_time.put_quota(conn, 7, 1, now)
        used = screen_time.quota_of(conn, 7)
        assert used is not None
        screen_time._run(conn, 7, replace(used, used_s=60), now)

    async def work(control: Control) -> list[Any]:
        return [(await why(control, CHILD))["left_s"], await begin(control, CHILD)]

    assert play(place, engine, work) == [0, 0]


@pytest.mark.parametrize(
    ("at", "left_s"),
    [
        ("2027-08-02T12:00+05:00", 3600),
        ("2027-08-02T23:50+05:00", 600),
        ("2027-08-02T23:59:30+05:00", 60),
        ("2027-08-02T21:10+05:00", 1200),
    ],
)
def test_what_midnight_and_closed_hours_leave_of_it_is_told(engine: Engine, at: str, left_s: int) -> None:
    with writing(engine) as conn:
        profiles.set_schedule(conn, 7, Schedule((Interval(0, 21 * 60 + 30, 60),)))

    assert SplashScreenTime(engine).left_s(7, datetime.fromisoformat(at)) == left_s


def test_the_role_of_control_may_begin_it(place: Path, database: Where) -> None:
    of_control = engine_of(database if isinstance(database, str) else database_file(place / "state"), CONTROL)

    begun = SplashScreenTime(of_control).begin(7, datetime.now(UTC))
    of_control.dispose()

    assert begun.minutes > 0


def test_while_the_database_is_away_it_is_not_known_what_is_left(tmp_path: Path) -> None:
    nowhere = engine_of(tmp_path / "no folder" / "filterd.db")

    assert SplashScreenTime(nowhere).left_s(7, datetime.now(UTC)) is None
