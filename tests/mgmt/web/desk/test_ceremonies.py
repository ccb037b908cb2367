"""Passkeys at the desk, with an authenticator in software."""

import itertools
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from support.mgmt.authenticator import EDDSA, ES256, PRESENT, Authenticator
from support.mgmt.events import events_of
from support.mgmt.staff_desk import ORIGIN, AddPerson, Browser

from mgmt.ledger.event import CONTROL
from mgmt.staff.challenges import LIFE_S
from mgmt.staff.people import StaffState, set_state
from mgmt.staff.session import FRESH
from parental.store.database import reading, writing

SIGNED_OUT = "Sign in with a passkey"


def said_in(engine: Engine) -> list[str]:
    with reading(engine) as conn:
        return [event["action"] for event in events_of(conn, "staff")]


@pytest.mark.parametrize("algorithm", [ES256, EDDSA])
async def test_a_person_enrols_with_a_passkey_and_signs_in_with_it(
    browser: Browser, add: AddPerson, engine: Engine, algorithm: int
) -> None:
    key = Authenticator(ORIGIN, algorithm)

    assert await browser.make_passkey(add()[1], key) == (200, {"location": "/desk"})
    assert SIGNED_OUT in (await browser.get())[1]
    assert await browser.use_passkey(key) == (200, {"location": "/desk"})

    assert "Passkey: <bdi" in (await browser.get())[1]
    assert said_in(engine) == ["person added", "passkey set", "signed in"]


async def test_a_key_whose_counter_never_rises_signs_in_again_and_again(browser: Browser, add: AddPerson) -> None:
    key = Authenticator(ORIGIN, counts=False)
    await browser.make_passkey(add()[1], key)

    assert [(await browser.use_passkey(key))[0] for _ in range(3)] == [200, 200, 200]


async def test_a_copy_of_a_key_is_refused_and_written_down(browser: Browser, add: AddPerson, engine: Engine) -> None:
    key = Authenticator(ORIGIN)
    await browser.make_passkey(add()[1], key)
    for _ in range(3):
        await browser.use_passkey(key)
    await browser.send("/logout", csrf=await browser.csrf())
    key.count = 1  # as the copy has it, that was made after the first sign-in

    status, said = await browser.use_passkey(key)

    assert status == 403 and "does not open the desk" in said["detail"]
    assert SIGNED_OUT in (await browser.get())[1]
    with reading(engine) as conn:
        last = events_of(conn, "staff")[-1]
    assert (last["action"], last["about"], last["said"]) == (
        "passkey refused as a copy",
        {"passkey": 1, "staff": 1},
        {"count": 2, "known_count": 3},
    )


@pytest.mark.parametrize(
    "change",
    [
        {"origin": "https://desk.isp.example.evil.example"},
        {"origin": "http://desk.isp.example"},
        {"host": "isp.example"},
        {"flags": PRESENT},
        {"flags": 0},
        {"credential": bytes(16)},
        {"handle": b"filterd-2"},
    ],
    ids=str,
)
async def test_an_answer_of_another_origin_name_key_or_without_the_person_is_refused(
    browser: Browser, add: AddPerson, change: dict[str, Any]
) -> None:
    key = Authenticator(ORIGIN)
    await browser.make_passkey(add()[1], key)
    for name, value in change.items():
        setattr(key, name, value)

    assert (await browser.use_passkey(key))[0] == 403
    assert SIGNED_OUT in (await browser.get())[1]


@pytest.mark.parametrize(
    "change", [{"origin": "https://evil.example"}, {"host": "evil.example"}, {"flags": PRESENT}, {"flags": 0}], ids=str
)
async def test_a_passkey_made_for_somebody_else_or_without_the_person_is_not_kept(
    browser: Browser, add: AddPerson, engine: Engine, change: dict[str, Any]
) -> None:
    key, code = Authenticator(ORIGIN), add()[1]
    for name, value in change.items():
        setattr(key, name, value)

    assert (await browser.make_passkey(code, key))[0] == 422

    assert said_in(engine) == ["person added"]
    assert (await browser.send("/enrol", code=code))[0] == 200  # the code still counts


async def test_an_answer_counts_once_and_for_five_minutes(browser: Browser, add: AddPerson) -> None:
    key = Authenticator(ORIGIN, counts=False)
    await browser.make_passkey(add()[1], key)
    _, options = await browser.ask("/login/options")
    answer = key.get(options)
    assert (await browser.ask("/login", response=answer))[0] == 200
    assert (await browser.ask("/login", response=answer))[0] == 403

    _, options = await browser.ask("/login/options")
    browser.clock.forward(seconds=LIFE_S)
    assert (await browser.ask("/login", response=key.get(options)))[0] == 403


async def test_a_challenge_of_another_desk_or_for_another_purpose_does_not_count(
    browser: Browser, add: AddPerson
) -> None:
    key = Authenticator(ORIGIN, counts=False)
    await browser.make_passkey(add()[1], key)
    _, options = await browser.ask("/new/options", code=add("bilal")[1])

    assert (await browser.ask("/login", response=key.agree(bytes(56))))[0] == 403
    assert (await browser.ask("/login", response=key.get(options)))[0] == 403


async def test_a_challenge_for_one_person_makes_no_passkey_of_another(browser: Browser, add: AddPerson) -> None:
    _, options = await browser.ask("/new/options", code=add("amna")[1])
    answer = Authenticator(ORIGIN).create(options)

    assert (await browser.ask("/new", code=add("bilal")[1], label="a key", response=answer))[0] == 403


async def test_a_disabled_person_does_not_sign_in(browser: Browser, add: AddPerson, engine: Engine) -> None:
    key = Authenticator(ORIGIN)
    await browser.make_passkey(add()[1], key)
    with writing(engine) as conn:
        set_state(conn, "amna@isp.example", StaffState.DISABLED, CONTROL, browser.clock())

    assert (await browser.use_passkey(key))[0] == 403


async def test_a_person_whose_account_has_ended_does_not_sign_in(browser: Browser, add: AddPerson) -> None:
    key = Authenticator(ORIGIN)
    await browser.make_passkey(add(ends=browser.clock() + timedelta(days=1))[1], key)
    browser.clock.forward(hours=23)
    assert (await browser.use_passkey(key))[0] == 200
    browser.clock.forward(hours=1)

    assert (await browser.use_passkey(key))[0] == 403


async def test_one_passkey_more_needs_a_session_that_is_new(browser: Browser, add: AddPerson) -> None:
    key, more, _ = Authenticator(ORIGIN), Authenticator(ORIGIN), add()
    await browser.make_passkey(add("bilal")[1], key)
    await browser.use_passkey(key)
    csrf = await browser.csrf()
    assert (await browser.ask("/new/options", csrf="0" * 64))[0] == 403

    _, options = await browser.ask("/new/options", csrf=csrf)
    assert len(options["excludeCredentials"]) == 1
    said = {"csrf": csrf, "label": "the other key", "response": more.create(options)}
    assert (await browser.ask("/new", **said))[0] == 200
    assert (await browser.use_passkey(more))[0] == 200

    csrf = await browser.csrf()
    browser.clock.now += FRESH - timedelta(seconds=1)
    assert (await browser.ask("/new/options", csrf=csrf))[0] == 200
    browser.clock.forward(seconds=1)
    assert (await browser.ask("/new/options", csrf=csrf))[0] == 403


async def test_what_another_page_asks_is_not_done(browser: Browser, add: AddPerson) -> None:
    code = add()[1]
    for path in ("/login/options", "/login", "/new/options", "/new"):
        assert (await browser.ask(path, origin="https://evil.example", code=code))[0] == 403


async def test_a_body_that_is_no_question_is_told_so(browser: Browser) -> None:
    for body in (b"", b"[]", b"{", b'{"response": 1}', b"\xff"):
        headers = {"Origin": browser.origin}
        async with browser.client.post("/desk/passkey/login", data=body, headers=headers) as response:
            assert response.status == 400


NUMBERS = itertools.count()
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20), lambda inner: st.lists(inner, max_size=3)
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(["id", "rawId", "type", "response", "clientDataJSON", "attestationObject"]), value=VALUES)
async def test_no_answer_of_an_authenticator_is_a_fault_of_ours(
    browser: Browser, add: AddPerson, name: str, value: object
) -> None:
    code = add(f"p{next(NUMBERS)}")[1]
    _, options = await browser.ask("/new/options", code=code)
    said = json.loads(Authenticator(ORIGIN).create(options))
    if name in said:
        said[name] = value
    else:
        said["response"][name] = value

    for path in ("/new", "/login"):
        status, _ = await browser.ask(path, code=code, label="a key", response=json.dumps(said))
        assert status in (403, 422)


async def test_a_stranger_costs_no_writers_turn(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a writer's turn")

    monkeypatch.setattr("parental.store.database.write", refuse)

    assert (await browser.use_passkey(Authenticator(ORIGIN)))[0] == 403
    said = {"code": "AAAAAA-AAAAAA", "password": "x" * 12, "again": "x" * 12, "typed": "000000"}
    assert (await browser.send("/enrol", **said))[0] == 403
    assert (await browser.send("/enrol/password", **said))[0] == 403
    assert (await browser.send("/login", mail="nobody@isp.example", password="x" * 12, code="000000"))[0] == 403
