"""A ticket that a visitor of the splash types: it opens what the visitor's address follows, and is in force at once."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from support.control.box import play

from fastpath.images.verdict import Reason
from filterd.control.service import Control
from filterd.process.control_messages import SPLASH_REQUESTS
from filterd.process.json_socket import reply_to
from parental.calendar import tickets
from parental.calendar.tickets import N_TRIES
from parental.people.household import history
from parental.policy import profiles
from parental.policy import subscribers as store
from parental.policy.schedule import Interval, Schedule
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store.database import reading, writing

pytestmark = pytest.mark.services

ADDRESSES = {7: "192.0.2.7", 8: "192.0.2.8"}


@pytest.fixture
def code(engine: Engine) -> str:
    """Of a ticket of household 7; lines 7 and 8 are always closed."""
    with writing(engine) as conn:
        for number, address in ADDRESSES.items():
            store.put_subscriber(conn, Subscriber(number, "Home", (parse_prefix(address),)))
            profiles.set_schedule(conn, number, Schedule((Interval(0, 0, 10080),)))
        return tickets.issue(conn, 7, 1, 30, datetime.now(UTC))[0].code


async def use(control: Control, code: str, address: str) -> dict[str, Any]:
    line = json.dumps({"op": "use_ticket", "code": code, "address": address}).encode() + b"\n"
    said: dict[str, Any] = json.loads(await reply_to(line, SPLASH_REQUESTS, control.answer_splash))
    return said


def why(control: Control, number: int) -> int:
    found: int = control.publisher.tables.decide(None, ADDRESSES[number], int(datetime.now(UTC).timestamp())).reason
    return found


def test_a_ticket_opens_the_line_of_the_address_that_asks_once(place: Path, engine: Engine, code: str) -> None:
    async def work(control: Control) -> list[Any]:
        before = why(control, 7)
        foreign = await use(control, code, ADDRESSES[8])
        first = await use(control, code, ADDRESSES[7])
        after = why(control, 7), why(control, 8)
        return [before, foreign, first, after, await use(control, code, ADDRESSES[7])]

    before, foreign, first, after, again = play(place, engine, work)

    assert before == Reason.SCHEDULE
    assert (foreign["outcome"], again["outcome"]) == ("unknown", "unknown")
    assert (first["outcome"], first["minutes"]) == ("open", 30)
    assert after == (Reason.DEFAULT, Reason.SCHEDULE)
    with reading(engine) as conn:
        assert [each.action for each in history(conn, 7)] == ["ticket used"]


def test_a_ticket_of_a_paused_line_is_kept(place: Path, engine: Engine, code: str) -> None:
    with writing(engine) as conn:
        profiles.pause(conn, 7, None)

    async def work(control: Control) -> dict[str, Any]:
        return await use(control, code, ADDRESSES[7])

    assert play(place, engine, work)["outcome"] == "kept"


def test_an_address_of_nobody_uses_no_ticket(place: Path, engine: Engine, code: str) -> None:
    async def work(control: Control) -> list[dict[str, Any]]:
        return [await use(control, code, "198.51.100.1"), await use(control, code, "here")]

    nobody, nowhere = play(place, engine, work)

    assert nobody["outcome"] == "unknown"
    assert nowhere["ok"] is False


def test_a_splash_that_guesses_is_stopped_though_the_right_code_comes(place: Path, engine: Engine, code: str) -> None:
    async def work(control: Control) -> dict[str, Any]:
        for n in range(N_TRIES):
            await use(control, f"001 {n:06}", ADDRESSES[7])
        return await use(control, code, ADDRESSES[7])

    assert play(place, engine, work)["outcome"] == "unknown"
