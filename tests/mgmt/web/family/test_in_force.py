import pytest
from aiohttp import web
from sqlalchemy import Engine
from support.mgmt.desk import PlayedControl
from support.mgmt.phone import Phone, add_caregiver

from mgmt.web.family.in_force import ASK_AGAIN_S, IN_FORCE, InForce, publish
from mgmt.web.kit.app_context import CONTROL
from parental.policy.profiles import pause
from parental.store.database import writing


def test_what_is_in_force_never_goes_back() -> None:
    known = InForce()
    known.note(5)
    known.note(3)

    assert known.revision == 5


def test_control_is_asked_again_only_after_a_while() -> None:
    known = InForce()

    assert [known.may_ask(s) for s in (100.0, 100.1, 99.9 + ASK_AGAIN_S, 100.0 + ASK_AGAIN_S)] == [
        True,
        False,
        False,
        True,
    ]


async def test_a_page_asks_control_once_and_then_no_more_until_something_changes(
    phone: Phone, control: PlayedControl, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mgmt.web.family.in_force.ASK_AGAIN_S", 0.0)
    add_caregiver(engine)
    await phone.with_number()
    asked = len(control.asked)
    for _ in range(3):
        assert "not in force yet" not in await phone.words()
    assert len(control.asked) == asked

    with writing(engine) as conn:
        pause(conn, 7, None)
    assert "Paused" in await phone.words()
    assert len(control.asked) == asked + 1


async def test_a_worker_that_refuses_keeps_a_change_on_its_way(
    phone: Phone, control: PlayedControl, engine: Engine
) -> None:
    add_caregiver(engine)
    await phone.with_number()
    control.refuses = "no room"

    assert (await phone.tap("pause", 7))[0] == 503
    assert "not in force yet" in await phone.words()


async def test_what_was_just_stored_is_published_without_a_look_into_the_database() -> None:
    app = web.Application()
    app[CONTROL], app[IN_FORCE] = PlayedControl(), InForce()  # and no database

    await publish(app, 7)

    assert app[IN_FORCE].revision == 7
