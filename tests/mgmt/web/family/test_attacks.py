"""Attacks on the family pages that no module alone answers: guesses at once, two caregivers, a clock set back."""

import asyncio

from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import Engine, select
from support.mgmt.desk import Clock
from support.mgmt.phone import Phone, add_caregiver, add_child, code_of

from mgmt.web.family.pin import FREE
from parental.people.household import history
from parental.people.login_codes import TRIES
from parental.policy.profiles import get_profile
from parental.store.database import reading
from parental.store.schema.access import family_pins

PIN = {"pin": "2468", "again": "2468"}


def is_paused(engine: Engine, profile: int = 7) -> bool:
    with reading(engine) as conn:
        return get_profile(conn, profile).paused_until_s > 0


async def locked(parent: Phone, clock: Clock) -> None:
    """A paused home whose PIN this phone has to give again."""
    await parent.tap("pause", 7)
    await parent.tap("resume", 7, **PIN)
    await parent.tap("pause", 7)
    clock.forward(minutes=6)


async def test_many_codes_at_once_are_no_more_than_the_tries_of_one_code(phone: Phone, engine: Engine) -> None:
    add_caregiver(engine)
    await phone.send("number", phone="0300 1234567")
    (message,) = await phone.arrived(set())
    right = code_of(message)
    wrong = [f"{n:06}" for n in range(3 * TRIES) if f"{n:06}" != right]

    said = await asyncio.gather(*(phone.send("code", code=each) for each in wrong))

    assert {status for status, _ in said} == {403}
    assert (await phone.send("code", code=right))[0] == 403


async def test_many_pins_at_once_are_no_more_than_one_after_another(
    parent: Phone, engine: Engine, clock: Clock
) -> None:
    await locked(parent, clock)
    csrf = await parent.csrf()
    guesses = [f"{1000 + 7 * n}" for n in range(3 * FREE)]

    sent = [parent.send("resume", csrf=csrf, profile="7", pin=each) for each in guesses]
    said = await asyncio.gather(*sent)

    assert {status for status, _ in said} == {403} and is_paused(engine)
    with reading(engine) as conn:
        assert conn.execute(select(family_pins.c.wrong)).scalar_one() == FREE
    assert "Try again in" in (await parent.tap("resume", 7, pin="2468"))[1]


async def test_two_caregivers_at_once_leave_one_state_and_both_names(parent: Phone, engine: Engine) -> None:
    child = add_child(engine)
    add_caregiver(engine, "helper", number="+923017654321", name="Hina")
    server = parent.client.server
    assert isinstance(server, TestServer)
    async with TestClient(server, cookie_jar=CookieJar(unsafe=True)) as client:
        sister = Phone(client, parent.outbox)
        await sister.with_number("0301 7654321")
        both = [(phone, await phone.csrf()) for phone in (parent, sister) * 2]

        said = await asyncio.gather(*(phone.send("pause", csrf=csrf, profile=str(child)) for phone, csrf in both))

        changes = [await phone.words("/changes") for phone in (parent, sister)]
    assert {status for status, _ in said} == {200} and is_paused(engine, child)
    with reading(engine) as conn:
        assert [each.action for each in history(conn, 7)].count("paused") == 4
    for who in ("Sana", "Hina"):
        assert [each.count(f"Paused · Ayesha {who}") for each in changes] == [2, 2]


async def test_a_clock_set_back_asks_for_the_pin_again(parent: Phone, engine: Engine, clock: Clock) -> None:
    await parent.tap("pause", 7)
    await parent.tap("resume", 7, **PIN)
    await parent.tap("pause", 7)

    clock.forward(seconds=-30)  # a correction
    assert (await parent.tap("resume", 7))[0] == 200 and not is_paused(engine)
    await parent.tap("pause", 7)
    clock.forward(hours=-3)

    assert "Your family PIN" in (await parent.tap("resume", 7))[1] and is_paused(engine)


async def test_a_clock_set_back_makes_no_code_good_for_longer(phone: Phone, engine: Engine, clock: Clock) -> None:
    add_caregiver(engine)
    await phone.send("number", phone="0300 1234567")
    (message,) = await phone.arrived(set())

    clock.forward(hours=-1)

    assert (await phone.send("code", code=code_of(message)))[0] == 403
