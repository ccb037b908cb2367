"""What a visitor of the splash asks the family for: what is written down, what is not, and what the visitor reads."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from support.control.box import play

from filterd.control.pages.requests import N_TRIES
from filterd.control.service import Control
from filterd.process.control_messages import SPLASH_REQUESTS
from filterd.process.json_socket import reply_to
from parental.calendar import exceptions
from parental.people.household import By, history
from parental.people.requests import NO, OF_DAY, YES, answer, open_requests
from parental.policy import profiles
from parental.policy import subscribers as store
from parental.policy.schedule import Interval, Schedule
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store.database import reading, writing
from parental.store.schema.requests import requests

pytestmark = pytest.mark.services

CLOSED, OPEN = "192.0.2.7", "192.0.2.8"


@pytest.fixture(autouse=True)
def homes(engine: Engine) -> None:
    """Line 7 is always closed; line 8 is open, but for one page."""
    with writing(engine) as conn:
        for number, address in ((7, CLOSED), (8, OPEN)):
            store.put_subscriber(conn, Subscriber(number, "Home", (parse_prefix(address),)))
        profiles.set_schedule(conn, 7, Schedule((Interval(0, 0, 10080),)))
        rules = replace(profiles.get_profile(conn, 8), denied=frozenset({"page.example"}))
        profiles.put_profile(conn, 8, rules)


async def ask(control: Control, address: str, **said: Any) -> dict[str, Any]:
    wanted = {"minutes": None, "name": None, "why": "homework"} | said
    return await told(control, {"op": "ask_family", "address": address, **wanted})


async def why(control: Control, address: str, name: str | None = None) -> dict[str, Any]:
    return await told(control, {"op": "why_closed", "name": name, "address": address})


async def told(control: Control, request: dict[str, Any]) -> dict[str, Any]:
    line = json.dumps(request).encode() + b"\n"
    said: dict[str, Any] = json.loads(await reply_to(line, SPLASH_REQUESTS, control.answer_splash))
    return said


def n_requests(engine: Engine) -> int:
    with reading(engine) as conn:
        return int(conn.execute(select(func.count()).select_from(requests)).scalar_one())


def test_a_child_asks_and_reads_what_became_of_it(place: Path, engine: Engine) -> None:
    async def work(control: Control) -> list[Any]:
        before = await why(control, CLOSED)
        asked, again = await ask(control, CLOSED, minutes=30), await ask(control, CLOSED, minutes=30)
        waiting = await why(control, CLOSED)
        with writing(engine) as conn:
            (request,) = open_requests(conn, 7, datetime.now(UTC))
            answer(conn, request.id, NO, datetime.now(UTC))
        return [before, asked, again, waiting, await why(control, CLOSED), await why(control, OPEN)]

    before, asked, again, waiting, refused, other = play(place, engine, work)

    assert before["asked"] is None and other["asked"] is None
    assert asked["state"] == again["state"] == waiting["asked"]["state"] == "open"
    assert refused["asked"]["state"] == NO
    assert n_requests(engine) == 1
    with reading(engine) as conn:
        assert [(each.action, each.by_kind) for each in history(conn, 7)] == [("asked", "splash")]


def test_a_page_that_the_family_closes_can_be_asked_for_and_no_other(place: Path, engine: Engine) -> None:
    async def work(control: Control) -> list[str]:
        asked = [await ask(control, OPEN, name=name) for name in ("page.example", "free.example", "listed.test")]
        asked += [await ask(control, OPEN, minutes=30), await ask(control, "198.51.100.1", minutes=30)]
        return [each["state"] for each in asked]

    assert play(place, engine, work) == ["open", *["nothing"] * 4]
    assert n_requests(engine) == 1


def test_a_page_that_no_family_can_open_is_not_written_down(place: Path, engine: Engine) -> None:
    with writing(engine) as conn:
        rules = replace(profiles.get_profile(conn, 8), denied=frozenset({"page.example", "com.pk"}))
        profiles.put_profile(conn, 8, rules)
    sixteen = "a." * 14 + "page.example"

    async def work(control: Control) -> list[Any]:
        shown = await why(control, OPEN, "a." + sixteen)
        return [
            shown["reason"],
            *[(await ask(control, OPEN, name=name))["state"] for name in ("a." + sixteen, "com.pk")],
            (await ask(control, OPEN, name=sixteen))["state"],
        ]

    assert play(place, engine, work) == ["household", "nothing", "nothing", "open"]
    assert n_requests(engine) == 1


def test_what_was_opened_until_a_time_is_not_shown_once_it_has_closed(place: Path, engine: Engine) -> None:
    async def work(control: Control) -> Any:
        await ask(control, CLOSED, minutes=30)
        with writing(engine) as conn:
            (request,) = open_requests(conn, 7, datetime.now(UTC))
            answer(conn, request.id, YES, datetime.now(UTC), until_s=1)
        return (await why(control, CLOSED))["asked"]

    assert play(place, engine, work) is None


def test_a_yes_is_told_while_it_holds_and_not_after_a_caregiver_has_closed_again(place: Path, engine: Engine) -> None:
    async def work(control: Control) -> list[Any]:
        at, said = datetime.now(UTC), []
        await ask(control, CLOSED, minutes=30)
        with writing(engine) as conn:
            (request,) = open_requests(conn, 7, at)
            span = exceptions.more(profiles.get_profile(conn, 7), "plus", 30, at)
            answer(conn, request.id, YES, at, until_s=span.until_s)
            number = exceptions.add(conn, 7, span, By("caregiver", "1"), at)
        said.append((await why(control, CLOSED))["asked"])
        with writing(engine) as conn:
            profiles.pause(conn, 7, None)
        said.append((await why(control, CLOSED))["asked"])
        with writing(engine) as conn:
            profiles.resume(conn, 7)
            exceptions.undo(conn, 7, number)
        return [*said, (await why(control, CLOSED))["asked"]]

    told, paused, ended = play(place, engine, work)

    assert told["state"] == YES and paused is None and ended is None


def test_a_page_that_was_opened_and_is_closed_again_is_not_called_open(place: Path, engine: Engine) -> None:
    async def work(control: Control) -> list[Any]:
        await ask(control, OPEN, name="page.example")
        with writing(engine) as conn:
            (request,) = open_requests(conn, 8, datetime.now(UTC))
            answer(conn, request.id, YES, datetime.now(UTC))
            closed = profiles.get_profile(conn, 8)
            profiles.put_profile(conn, 8, replace(closed, allowed=frozenset({"page.example"}), denied=frozenset()))
        opened = await why(control, OPEN)
        with writing(engine) as conn:
            profiles.put_profile(conn, 8, closed)
        return [opened["asked"], (await why(control, OPEN))["asked"]]

    opened, closed = play(place, engine, work)

    assert opened["state"] == YES and closed is None


def test_a_splash_that_asks_without_end_fills_no_table_and_changes_nothing_for_others(
    place: Path, engine: Engine
) -> None:
    async def work(control: Control) -> list[Any]:
        flood = [await ask(control, CLOSED, minutes=30, why=("x", "play")[n % 2]) for n in range(3 * N_TRIES)]
        return [flood, await ask(control, OPEN, name="page.example")]

    flood, other = play(place, engine, work)

    assert flood[-1]["state"] == "many" and flood[0]["ok"] is False
    assert other["state"] == "open"
    assert n_requests(engine) == 2 <= OF_DAY


def test_a_paused_child_asks_and_the_end_of_the_pause_is_an_answer_that_needs_no_words(
    place: Path, engine: Engine
) -> None:
    with writing(engine) as conn:
        profiles.pause(conn, 8, None)

    async def work(control: Control) -> list[Any]:
        asked = [await ask(control, OPEN, minutes=30), await why(control, OPEN)]
        with writing(engine) as conn:
            (request,) = open_requests(conn, 8, datetime.now(UTC))
            profiles.resume(conn, 8)
            answer(conn, request.id, YES, datetime.now(UTC))
        return [*asked, await why(control, OPEN)]

    asked, waiting, after = play(place, engine, work)

    assert asked["state"] == waiting["asked"]["state"] == "open" and waiting["reason"] == "pause"
    assert after["asked"] is None
