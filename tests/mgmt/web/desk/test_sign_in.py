from dataclasses import replace
from datetime import timedelta

import pytest
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import Engine
from support.mgmt.desk import Clock, PlayedControl
from support.mgmt.events import events_of
from support.mgmt.staff_desk import PASSWORD, AddPerson, Browser, code_at

from mgmt.ledger.event import CONTROL
from mgmt.registers.settings.page_settings import Settings
from mgmt.staff.attempts import FREE
from mgmt.staff.people import StaffState, set_role, set_state
from mgmt.web.desk.app import create_app
from parental.store.database import reading, writing

SIGNED_OUT = "Or with password and code"


async def test_a_person_enrols_with_password_and_codes_signs_in_and_out(
    browser: Browser, add: AddPerson, engine: Engine
) -> None:
    _, code = add("amna", "compliance")

    status, text = await browser.sign_in(await browser.enrol(code))

    assert status == 200
    assert "amna@isp.example" in text and "role compliance, group legal" in text
    assert "Password and one-time codes" in text
    status, text = await browser.send("/logout", csrf=await browser.csrf())
    assert SIGNED_OUT in text and SIGNED_OUT in (await browser.get())[1]
    with reading(engine) as conn:
        found = [(each["action"], each["actor"]["kind"], each["said"]) for each in events_of(conn, "staff")]
    assert found == [
        ("person added", "role", {"group": "legal", "role": "compliance"}),
        ("password set", "staff", {}),
        ("signed in", "staff", {"method": "password"}),
    ]


async def test_a_code_to_enrol_counts_once_and_for_three_days(browser: Browser, add: AddPerson, clock: Clock) -> None:
    _, used = add("amna")
    await browser.enrol(used)
    assert (await browser.send("/enrol", code=used))[0] == 403

    _, late = add("bilal")
    assert (await browser.send("/enrol", code=late.lower().replace("-", " ")))[0] == 200
    clock.forward(days=3)
    assert (await browser.send("/enrol", code=late))[0] == 403
    assert (await browser.send("/enrol", code="AAAAAA-AAAAAA"))[0] == 403


@pytest.mark.parametrize(
    "wrong",
    [{"password": "short", "again": "short"}, {"again": "another password"}, {"typed": "000000"}, {"typed": "٠٠٠٠٠٠"}],
)
async def test_nothing_is_set_where_a_field_is_wrong(browser: Browser, add: AddPerson, wrong: dict[str, str]) -> None:
    _, code = add()
    _, text = await browser.send("/enrol", code=code)
    secret = text.partition('class="long">')[2].partition("amna")[2].partition('class="long">')[2].partition("<")[0]
    said = {"password": PASSWORD, "again": PASSWORD, "typed": code_at(secret, browser.clock())}

    status, text = await browser.send("/enrol/password", code=code, **{**said, **wrong})

    assert (status, 'role="alert">⚠' in text) == (422, True)
    assert (await browser.send("/enrol/password", code=code, **said))[0] == 200


async def test_whatever_is_wrong_the_answer_is_the_same(browser: Browser, add: AddPerson, engine: Engine) -> None:
    _, code = add("amna")
    secret = await browser.enrol(code)
    _, others = add("bilal")
    of_bilal = await browser.enrol(others)
    with writing(engine) as conn:
        set_state(conn, "bilal@isp.example", StaffState.DISABLED, CONTROL, browser.clock())

    _, ended = add("daud", ends=browser.clock() + timedelta(minutes=1))
    of_daud = await browser.enrol(ended)
    browser.clock.forward(minutes=1)

    answers = {
        (await browser.sign_in(secret, password="another password"))[0:2],
        (await browser.sign_in(of_bilal))[0:2],
        (await browser.send("/login", mail="amna@isp.example", password=PASSWORD, code="000000")),
        (await browser.send("/login", mail="amna@isp.example", password=PASSWORD, code="x")),
    }
    assert len(answers) == 1 and next(iter(answers))[0] == 403
    # Another address stands in the form again; nothing else differs.
    _, text = await browser.sign_in(secret, name="nobody")
    _, disabled = await browser.sign_in(of_bilal, name="bilal")
    _, ended = await browser.sign_in(of_daud, name="daud")
    as_amna = {text.replace("nobody", "amna"), disabled.replace("bilal", "amna"), ended.replace("daud", "amna")}
    assert as_amna == {next(iter(answers))[1]}


async def test_a_one_time_code_counts_once(browser: Browser, add: AddPerson) -> None:
    _, code = add()
    secret = await browser.enrol(code)
    assert (await browser.sign_in(secret))[0] == 200
    await browser.send("/logout", csrf=await browser.csrf())

    assert (await browser.sign_in(secret))[0] == 403
    browser.clock.forward(seconds=30)
    assert (await browser.sign_in(secret))[0] == 200


async def test_the_cookie_is_new_at_each_sign_in_and_the_one_before_ends(browser: Browser, add: AddPerson) -> None:
    _, code = add()
    secret = await browser.enrol(code)
    cookies = []
    for _ in range(2):
        await browser.sign_in(secret)
        cookies.append({cookie.key: cookie.value for cookie in browser.client.session.cookie_jar}["desk"])
        browser.clock.forward(minutes=1)
    browser.client.session.cookie_jar.clear()

    async with browser.client.get("/desk", cookies={"desk": cookies[0]}) as response:
        assert SIGNED_OUT in await response.text()
    assert cookies[0] != cookies[1] and all(len(cookie) == 43 for cookie in cookies)


async def test_with_https_the_cookie_is_bound_to_this_host(
    settings: Settings, engine: Engine, control: PlayedControl, clock: Clock, add: AddPerson
) -> None:
    app = create_app(replace(settings, has_tls=True), engine, control, clock, desk_key=bytes(32))
    async with TestClient(TestServer(app)) as client:
        browser = Browser(client, clock)
        secret = await browser.enrol(add()[1])
        form = {"mail": "amna@isp.example", "password": PASSWORD, "code": code_at(secret, clock())}
        headers = {"Origin": browser.origin}
        async with client.post("/desk/login", data=form, headers=headers, allow_redirects=False) as response:
            (said,) = response.headers.getall("Set-Cookie")

    assert said.startswith("__Host-desk=")
    assert {part.strip() for part in said.split(";")[1:]} == {
        "HttpOnly",
        "Max-Age=43200",
        "Path=/",
        "SameSite=Strict",
        "Secure",
    }


@pytest.mark.parametrize(("step", "n", "holds"), [(timedelta(minutes=29), 20, True), (timedelta(minutes=30), 1, False)])
async def test_a_session_ends_when_nobody_uses_it(
    browser: Browser, add: AddPerson, step: timedelta, n: int, holds: bool
) -> None:
    await browser.sign_in(await browser.enrol(add()[1]))
    for _ in range(n - 1):
        browser.clock.now += step
        await browser.get()
    browser.clock.now += step

    assert (SIGNED_OUT not in (await browser.get())[1]) == holds


async def test_a_session_ends_after_half_a_day(browser: Browser, add: AddPerson) -> None:
    await browser.sign_in(await browser.enrol(add()[1]))
    for _ in range(28):
        browser.clock.forward(minutes=25)
        await browser.get()
    assert SIGNED_OUT not in (await browser.get())[1]

    browser.clock.forward(minutes=20)
    assert SIGNED_OUT in (await browser.get())[1]


@pytest.mark.parametrize("change", ["disabled", "role"])
async def test_who_is_disabled_or_has_another_role_is_signed_in_nowhere(
    browser: Browser, add: AddPerson, engine: Engine, change: str
) -> None:
    await browser.sign_in(await browser.enrol(add()[1]))
    with writing(engine) as conn:
        if change == "disabled":
            set_state(conn, "amna@isp.example", StaffState.DISABLED, CONTROL, browser.clock())
        else:
            set_role(conn, "amna@isp.example", "support", None, CONTROL, browser.clock())

    assert SIGNED_OUT in (await browser.get())[1]


async def test_who_is_signed_in_is_signed_out_at_the_end_of_the_account(browser: Browser, add: AddPerson) -> None:
    secret = await browser.enrol(add(ends=browser.clock() + timedelta(minutes=20))[1])
    assert (await browser.sign_in(secret))[0] == 200
    browser.clock.forward(minutes=19)
    assert SIGNED_OUT not in (await browser.get())[1]
    csrf = await browser.csrf()
    browser.clock.forward(minutes=1)

    assert SIGNED_OUT in (await browser.get())[1]
    assert (await browser.send("/logout", csrf=csrf))[0] == 403
    assert (await browser.sign_in(secret))[0] == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
async def test_a_form_of_another_site_does_nothing(browser: Browser, add: AddPerson, origin: str) -> None:
    _, code = add()
    secret = await browser.enrol(code)
    form = {"mail": "amna@isp.example", "password": PASSWORD, "code": code_at(secret, browser.clock())}
    assert (await browser.send("/login", origin=origin, **form))[0] == 403
    assert SIGNED_OUT in (await browser.get())[1]

    await browser.sign_in(secret)
    await browser.send("/logout", origin=origin, csrf=await browser.csrf())
    assert SIGNED_OUT not in (await browser.get())[1]
    assert (await browser.send("/enrol", origin=origin, code=add("bilal")[1]))[0] == 403


@pytest.mark.parametrize("csrf", ["", "0" * 64, "ہ"])
async def test_a_form_without_its_token_does_nothing(browser: Browser, add: AddPerson, csrf: str) -> None:
    await browser.sign_in(await browser.enrol(add()[1]))

    assert (await browser.send("/logout", csrf=csrf))[0] == 403
    assert SIGNED_OUT not in (await browser.get())[1]


async def test_a_client_that_is_wrong_again_and_again_waits_and_a_passkey_does_not(
    browser: Browser, add: AddPerson
) -> None:
    secret = await browser.enrol(add()[1])
    for _ in range(FREE):
        assert (await browser.sign_in(secret, password="another password"))[0] == 403

    async with browser.client.post(
        "/desk/login", data={"mail": "amna@isp.example"}, headers={"Origin": browser.origin}
    ) as response:
        assert response.status == 429
        assert 1 <= int(response.headers["Retry-After"]) <= 60
    assert (await browser.ask("/login/options"))[0] == 200


async def test_every_page_forbids_frames_and_scripts_of_its_own(browser: Browser, add: AddPerson) -> None:
    for path in ("/login", "/enrol", "/style.css", "/passkey.js"):
        async with browser.client.get("/desk" + path) as response:
            assert response.status == 200
            policy = response.headers["Content-Security-Policy"]
            assert (
                "default-src 'none'" in policy and "unsafe-inline" not in policy and "frame-ancestors 'none'" in policy
            )
            text = await response.text()
            assert path.endswith(("css", "js")) or ("<style" not in text and "onclick" not in text)


async def test_without_a_key_there_is_no_desk(settings: Settings, engine: Engine, control: PlayedControl) -> None:
    async with TestClient(TestServer(create_app(settings, engine, control))) as client:
        assert (await client.get("/desk/login")).status == 404


async def test_without_an_origin_there_are_passwords_and_no_passkeys(
    settings: Settings, engine: Engine, control: PlayedControl, clock: Clock
) -> None:
    async with TestClient(TestServer(create_app(settings, engine, control, clock, desk_key=bytes(32)))) as client:
        browser = Browser(client, clock)
        assert "passkey" not in (await browser.get("/login"))[1]
        assert (await browser.ask("/login/options"))[0] == 404
