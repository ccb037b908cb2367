import asyncio
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import Engine, select
from support.mgmt.desk import NOW, Clock, PlayedControl, TokenOf
from support.mgmt.events import events_of
from support.mgmt.phone import NUMBER, PHONES, Phone, add_caregiver, code_of

from mgmt.registers.settings.page_settings import Settings
from mgmt.web.desk.app import create_app
from mgmt.web.family.sign_in import OF_ADDRESS, OF_LINE
from mgmt.web.family.sms import Outbox
from parental.people import caregivers
from parental.people.accounts import Account, put_account
from parental.people.caregivers import INVITATION, CaregiverState
from parental.people.login_codes import LIFE
from parental.policy import subscribers as store
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store.database import reading, writing
from parental.store.schema.access import login_codes, sessions


def sent_codes(engine: Engine) -> int:
    with reading(engine) as conn:
        return len(conn.execute(select(login_codes)).all())


async def test_a_number_gets_a_message_whose_six_digits_open_the_page(phone: Phone, engine: Engine) -> None:
    add_caregiver(engine)

    status, text = await phone.send("number", phone="0300 1234567")
    assert status == 200 and 'autocomplete="one-time-code"' in text
    (message,) = await phone.arrived(set())
    assert "aap ka Family code hai" in message and "http" not in message
    status, text = await phone.send("code", code=code_of(message))

    assert status == 200 and "Home 7" in text and "Signed in: Sana" in text


async def test_the_last_line_of_a_message_names_the_page_that_may_fill_it_in(
    settings: Settings, engine: Engine, control: PlayedControl, clock: Clock, tmp_path: Any
) -> None:
    add_caregiver(engine)
    app = create_app(settings, engine, control, clock, sms=Outbox(tmp_path))
    async with TestClient(TestServer(app)) as client:
        headers = {"Host": "family.isp.example"}
        await client.post("/family/number", data={"phone": NUMBER}, headers=headers, allow_redirects=False)
        (message,) = await Phone(client, tmp_path).arrived(set())

    assert message.splitlines()[-1] == f"@family.isp.example #{code_of(message)}"


async def test_the_page_of_the_code_has_a_script_that_asks_the_browser_for_it_also_after_a_wrong_one(
    phone: Phone, engine: Engine
) -> None:
    add_caregiver(engine)
    await phone.send("number", phone=NUMBER)

    _, headers, text = await phone.get("/code")
    assert headers["Content-Security-Policy"].endswith("; script-src 'self'")
    assert re.findall("<script[^>]*>", text) == ['<script src="/family/code.js" defer>']
    assert '<script src="/family/code.js" defer>' in (await phone.send("code", code="0"))[1]


async def test_a_message_is_in_the_households_language(phone: Phone, engine: Engine) -> None:
    add_caregiver(engine)
    with writing(engine) as conn:
        put_account(conn, Account(7, language="en"))

    await phone.send("number", phone=NUMBER)

    assert "is your family code" in (await phone.arrived(set()))[0]


async def test_an_unknown_number_is_answered_the_same_and_gets_nothing(phone: Phone, engine: Engine) -> None:
    add_caregiver(engine)
    known = await phone.send("number", phone=NUMBER)
    await phone.arrived(set())

    assert await phone.send("number", phone="+923009999999") == known
    assert len(phone.messages()) == 1
    assert "not the right digits. Tries left: 4" in (await phone.send("code", code="000000"))[1]


async def test_being_on_the_line_is_not_being_the_parent(phone: Phone, engine: Engine) -> None:
    with writing(engine) as conn:
        store.put_subscriber(conn, Subscriber(9, "Home 9", (parse_prefix("127.0.0.1"),)))

    assert "Home 9" not in (await phone.get())[2]
    assert (await phone.send("pause", csrf="0" * 64, profile="9"))[0] == 403


async def test_five_wrong_codes_end_a_code(phone: Phone, engine: Engine) -> None:
    add_caregiver(engine)
    await phone.send("number", phone=NUMBER)
    right = code_of((await phone.arrived(set()))[0])
    wrong = f"{(int(right) + 1) % 10**6:06}"

    said = [(await phone.send("code", code=wrong))[1] for _ in range(5)]

    assert "Tries left: 1" in said[3] and "not good any more" in said[4]
    assert (await phone.send("code", code=right))[0] == 403


async def test_a_code_ends_after_five_minutes_and_is_good_once(phone: Phone, engine: Engine, clock: Clock) -> None:
    add_caregiver(engine)
    await phone.send("number", phone=NUMBER)
    code = code_of((await phone.arrived(set()))[0])
    cookies = {c.key: c.value for c in phone.client.session.cookie_jar}
    assert (await phone.send("code", code=code))[0] == 200

    phone.client.session.cookie_jar.update_cookies(cookies)
    assert (await phone.send("code", code=code))[0] == 403
    clock.forward(minutes=1)
    await phone.send("number", phone=NUMBER)
    (later,) = await phone.arrived({*phone.messages()[:1]})
    clock.forward(minutes=5)
    status, text = await phone.send("code", code=code_of(later))
    assert status == 403 and "This code is not good any more" in text


async def test_only_the_browser_that_asked_signs_in(phone: Phone, engine: Engine) -> None:
    add_caregiver(engine)
    await phone.send("number", phone=NUMBER)
    code = code_of((await phone.arrived(set()))[0])

    phone.client.session.cookie_jar.clear()

    status, text = await phone.send("code", code=code)
    assert status == 403 and "This code is not good any more" in text


async def test_a_number_gets_five_codes_an_hour_whoever_asks(phone: Phone, engine: Engine, clock: Clock) -> None:
    add_caregiver(engine)
    for n in range(5):
        clock.forward(seconds=31)
        assert (await phone.send("number", phone=NUMBER))[0] == 200, n
    clock.forward(seconds=31)

    status, text = await phone.send("number", phone="0092 300 1234567")

    assert status == 429 and "Too many codes" in text
    assert sent_codes(engine) == 5


@pytest.mark.parametrize(("is_line", "most"), [(True, OF_LINE), (False, OF_ADDRESS)])
async def test_a_line_and_an_address_ask_for_so_many_codes_and_then_wait(
    phone: Phone, engine: Engine, is_line: bool, most: int
) -> None:
    if is_line:
        with writing(engine) as conn:
            store.put_subscriber(conn, Subscriber(9, "Home 9", (parse_prefix("127.0.0.1"),)))

    said = [(await phone.send("number", phone=f"+92300{n:07}"))[0] for n in range(most + 1)]

    assert said == [200] * most + [429]
    assert sent_codes(engine) == most


async def test_who_was_invited_with_a_number_accepts_by_signing_in_with_it(
    phone: Phone, engine: Engine, clock: Clock
) -> None:
    with writing(engine) as conn:
        caregivers.invite(conn, 7, "Amna", "parent", NOW, phone=PHONES.seal(NUMBER))

    assert "Home 7" in (await phone.with_number())[1]

    with reading(engine) as conn:
        assert [each.state for each in caregivers.caregivers_of(conn, 7)] == [CaregiverState.ACTIVE]
        assert [event["action"] for event in events_of(conn, "people")] == ["caregiver accepted"]
    clock.forward(seconds=INVITATION.total_seconds())
    assert "Home 7" in await phone.words()


async def test_an_invitation_that_has_ended_opens_nothing(phone: Phone, engine: Engine, clock: Clock) -> None:
    with writing(engine) as conn:
        caregivers.invite(conn, 7, "Amna", "parent", NOW - INVITATION, phone=PHONES.seal(NUMBER))

    assert (await phone.send("number", phone=NUMBER))[0] == 200
    assert phone.messages() == []


async def test_who_is_removed_is_out_at_once(phone: Phone, engine: Engine) -> None:
    add_caregiver(engine)
    other = add_caregiver(engine, "parent", number="+923007654321")
    await phone.with_number("+923007654321")
    assert "Home 7" in await phone.words()

    with writing(engine) as conn:
        caregivers.remove_caregiver(conn, 7, other)

    assert "Home 7" not in await phone.words()


async def test_a_telephone_of_two_households_goes_from_one_to_the_other(phone: Phone, engine: Engine) -> None:
    add_caregiver(engine)
    other, stranger = add_caregiver(engine, "helper", 8), add_caregiver(engine, account=8, number="+923007654321")
    await phone.with_number()
    assert "Home 7" in await phone.words() and "Home 8" not in await phone.words()

    await phone.send("switch", csrf=await phone.csrf(), caregiver=str(stranger))
    assert "Home 7" in await phone.words()
    await phone.send("switch", csrf=await phone.csrf(), caregiver=str(other))
    assert "Home 8" in await phone.words()


async def test_the_session_is_new_at_each_sign_in_and_the_one_before_ends(
    phone: Phone, engine: Engine, clock: Clock
) -> None:
    add_caregiver(engine)
    phone.client.session.cookie_jar.update_cookies({"family": "chosen by somebody else"})
    await phone.with_number()
    first = {c.key: c.value for c in phone.client.session.cookie_jar}["family"]
    clock.forward(minutes=1)
    await phone.with_number()
    second = {c.key: c.value for c in phone.client.session.cookie_jar}["family"]

    assert len({first, second, "chosen by somebody else"}) == 3
    with reading(engine) as conn:
        assert len(conn.execute(select(sessions)).all()) == 1


@pytest.mark.parametrize("said", ["", "0300", "1121", "+92 300 12x4567", "x" * 300, "+9230012345678901234"])
async def test_what_is_no_number_is_refused_without_a_message(phone: Phone, engine: Engine, said: str) -> None:
    status, text = await phone.send("number", phone=said)

    assert status == 422 and "Write it as 0300 1234567" in text.replace('<bdi dir="ltr">', "").replace("</bdi>", "")
    assert f'maxlength="40" value="{said[:200]}"' in text and sent_codes(engine) == 0


async def test_a_number_in_urdu_figures_is_the_same_number(phone: Phone, engine: Engine) -> None:
    add_caregiver(engine)

    assert "Home 7" in (await phone.with_number("۰۳۰۰ ۱۲۳۴۵۶۷"))[1]


async def test_while_the_gateway_is_down_the_page_says_that_messages_are_late(
    settings: Settings, engine: Engine, control: PlayedControl, clock: Clock, tmp_path: Any
) -> None:
    add_caregiver(engine)
    app = create_app(settings, engine, control, clock, sms=Outbox(tmp_path / "missing"))
    async with TestClient(TestServer(app), cookie_jar=CookieJar(unsafe=True)) as client:
        phone = Phone(client, tmp_path)
        await phone.send("number", phone=NUMBER)
        async with asyncio.timeout(60):
            while "Messages are slow" not in await phone.words("/code"):  # noqa: ASYNC110  # a page cannot be awaited
                await asyncio.sleep(0.05)


async def test_without_a_gateway_a_family_code_opens_the_page_and_a_number_is_not_asked_for(
    settings: Settings, engine: Engine, control: PlayedControl, clock: Clock, token: TokenOf, tmp_path: Any
) -> None:
    app = create_app(settings, engine, control, clock)
    async with TestClient(TestServer(app), cookie_jar=CookieJar(unsafe=True)) as client:
        phone = Phone(client, tmp_path)
        assert 'name="phone"' not in (await phone.get())[2]
        assert (await phone.send("number", phone=NUMBER))[0] == 403
        assert "Home 7" in (await phone.with_token(token("parent", 7)))[1]


@pytest.mark.parametrize("role", ["operator", "regulator", "auditor"])
async def test_of_tokens_only_a_households_opens_the_page(phone: Phone, token: TokenOf, role: str) -> None:
    status, text = await phone.with_token(token(role))

    assert status == 403
    assert "does not open the page" in text
    assert await phone.send("login", token="wrong") == (403, text)


async def test_another_site_cannot_sign_a_person_in(phone: Phone, token: TokenOf, engine: Engine) -> None:
    add_caregiver(engine)

    for to, fields in (
        ("login", {"token": token("parent", 7)}),
        ("number", {"phone": NUMBER}),
        ("code", {"code": "1"}),
    ):
        assert (await phone.send(to, origin="https://evil.example", **fields))[0] == 403
    assert "Home 7" not in (await phone.get())[2]
    assert sent_codes(engine) == 0


async def test_signing_out_ends_the_session_on_the_server_too(phone: Phone, engine: Engine) -> None:
    add_caregiver(engine)
    await phone.with_number()
    kept = [(c.key, c.value) for c in phone.client.session.cookie_jar]

    await phone.send("logout", csrf=await phone.csrf())

    phone.client.session.cookie_jar.update_cookies(dict(kept))
    assert "Home 7" not in (await phone.get())[2]


async def test_a_session_ends_after_thirty_days(phone: Phone, engine: Engine, clock: Clock) -> None:
    add_caregiver(engine)
    await phone.with_number()
    clock.forward(days=29)
    assert "Home 7" in (await phone.get())[2]
    clock.now += timedelta(days=1)
    assert "Home 7" not in (await phone.get())[2]


async def test_the_cookies_are_out_of_reach_of_scripts_and_of_other_sites(
    settings: Settings, engine: Engine, control: PlayedControl, clock: Clock, token: TokenOf, tmp_path: Any
) -> None:
    for has_tls, prefix in ((False, "family"), (True, "__Host-family")):
        app = create_app(replace(settings, has_tls=has_tls), engine, control, clock, sms=Outbox(tmp_path))
        async with TestClient(TestServer(app)) as client:
            given = []
            said = {"number": {"phone": f"+9230012345{has_tls:02}"}, "login": {"token": token("parent", 7)}}
            for to, fields in said.items():
                answer = await client.post(f"/family/{to}", data=fields, allow_redirects=False)
                given.append(answer.headers["Set-Cookie"])

        assert given[0].startswith(f"{prefix}-code=") and given[1].startswith(f"{prefix}=")
        for cookie in given:
            assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/" in cookie
            assert "Domain" not in cookie and ("Secure" in cookie) == has_tls


async def test_without_a_session_there_is_only_the_page_to_sign_in(phone: Phone) -> None:
    status, headers, text = await phone.get()

    assert status == 200
    assert 'type="password"' in text and 'name="phone"' in text and "Home" not in text
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Frame-Options"] == "DENY" and headers["Referrer-Policy"] == "same-origin"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy


async def test_the_browser_that_asked_is_known_for_longer_than_its_code_so_that_it_reads_why(
    phone: Phone, engine: Engine
) -> None:
    add_caregiver(engine)
    headers = {"Origin": phone.origin}
    async with phone.client.post(
        "/family/number", data={"phone": NUMBER}, headers=headers, allow_redirects=False
    ) as response:
        cookie = response.cookies["family-code"]

    assert int(cookie["max-age"]) > LIFE.total_seconds()
