import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import Engine
from support.mgmt.desk import Client, Clock, PlayedControl, TokenOf
from support.mgmt.outline import text_of
from support.present import present

from mgmt.app import create_app
from mgmt.settings import Settings
from parental import store
from parental.database import reading, writing
from parental.profile import UNTIL_RESUMED
from parental.schedule import Schedule, parse_interval


@pytest.fixture
async def phone(settings: Settings, engine: Engine, control: PlayedControl, clock: Clock) -> AsyncIterator[Any]:
    async with TestClient(
        TestServer(create_app(settings, engine, control, clock)), cookie_jar=CookieJar(unsafe=True)
    ) as client:
        yield Phone(client)


class Phone:
    def __init__(self, client: Client) -> None:
        self.client = client
        self.origin = f"http://127.0.0.1:{client.server.port}"

    async def get(self, query: str = "?lang=en") -> Any:
        async with self.client.get("/family" + query) as response:
            return response.status, response.headers, await response.text()

    async def send(self, to: Any, *, lang: str = "en", origin: Any = None, **fields: Any) -> Any:
        headers = {"Origin": self.origin if origin is None else origin}
        if origin == "absent":
            headers = {}
        async with self.client.post(f"/family/{to}?lang={lang}", data=fields, headers=headers) as response:
            return response.status, await response.text()

    async def sign_in(self, token: str) -> Any:
        return await self.send("login", token=f" {token} ")

    async def csrf(self) -> str:
        return present(re.search(r'name="csrf" value="([0-9a-f]{64})"', (await self.get())[2]))[1]


def paused_until(engine: Engine, number: int = 7) -> Any:
    with reading(engine) as conn:
        return store.get_subscriber(conn, number).profile.paused_until_s


async def test_a_parent_signs_in_pauses_and_reads_the_receipt_and_resumes(
    phone: Any, token: TokenOf, engine: Engine
) -> None:
    status, text = await phone.sign_in(token("parent", 7))
    assert status == 200
    assert "Home 7" in text and "Open" in text and "⏸ Pause" in text_of(text) and "▶" not in text

    _, text = await phone.send("pause", csrf=await phone.csrf())
    assert "Paused" in text and "▶ Resume" in text_of(text)
    assert "closed 9:00:03 pm, 14 live connections ended" in text_of(text)
    assert paused_until(engine) == UNTIL_RESUMED
    assert paused_until(engine, 8) == 0

    _, text = await phone.send("resume", csrf=await phone.csrf())
    assert "⏸ Pause" in text_of(text) and "pause ended 9:00:03 pm" in text_of(text)
    assert paused_until(engine) == 0


async def test_without_a_session_there_is_only_the_form_to_sign_in(phone: Any, engine: Engine) -> None:
    status, headers, text = await phone.get()

    assert status == 200
    assert 'type="password"' in text and "Home" not in text
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Frame-Options"] == "DENY"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "same-origin"
    assert (await phone.send("pause", csrf="0" * 64))[0] == 403
    assert paused_until(engine) == 0


@pytest.mark.parametrize("role", ["operator", "regulator", "auditor"])
async def test_only_a_parents_token_opens_the_page(phone: Any, token: TokenOf, role: str) -> None:
    status, text = await phone.sign_in(token(role))

    assert status == 403
    assert "does not open the page" in text
    assert (await phone.send("login", token="wrong")) == (403, text)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
@pytest.mark.parametrize("to", ["pause", "resume", "logout"])
async def test_a_form_of_another_site_changes_nothing_even_with_the_right_form_token(
    phone: Any, token: TokenOf, engine: Engine, origin: str, to: str
) -> None:
    await phone.sign_in(token("parent", 7))
    csrf = await phone.csrf()

    await phone.send(to, origin=origin, csrf=csrf)

    assert paused_until(engine) == 0
    assert "Home 7" in (await phone.get())[2]


async def test_another_site_cannot_sign_a_person_in(phone: Any, token: TokenOf) -> None:
    assert (await phone.send("login", origin="https://evil.example", token=token("parent", 7)))[0] == 403
    assert "Home 7" not in (await phone.get())[2]


@pytest.mark.parametrize("csrf", ["", "0" * 64, "ہ"])
async def test_a_form_without_its_token_changes_nothing(phone: Any, token: TokenOf, engine: Engine, csrf: str) -> None:
    await phone.sign_in(token("parent", 7))

    assert (await phone.send("pause", csrf=csrf))[0] == 403
    assert paused_until(engine) == 0


async def test_an_old_browser_that_sends_no_origin_has_the_form_token(
    phone: Any, token: TokenOf, engine: Engine
) -> None:
    await phone.sign_in(token("parent", 7))

    assert (await phone.send("pause", origin="absent", csrf=await phone.csrf()))[0] == 200
    assert paused_until(engine) == UNTIL_RESUMED


async def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(phone: Any, token: TokenOf) -> None:
    async with phone.client.post(
        "/family/login", data={"token": token("parent", 7)}, allow_redirects=False, headers={"Origin": phone.origin}
    ) as response:
        assert response.status == 303
        cookie = response.headers["Set-Cookie"]

    assert cookie.startswith("family=")
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/" in cookie and "Domain" not in cookie


async def test_with_https_the_cookie_is_bound_to_the_host(
    settings: Settings, engine: Engine, control: PlayedControl, clock: Clock, token: TokenOf
) -> None:
    app = create_app(replace(settings, has_tls=True), engine, control, clock)
    async with TestClient(TestServer(app)) as client:
        response = await client.post("/family/login", data={"token": token("parent", 7)}, allow_redirects=False)
        cookie = response.headers["Set-Cookie"]

    assert cookie.startswith("__Host-family=") and "Secure" in cookie and "Domain" not in cookie


async def test_signing_out_ends_the_session_on_the_server_too(phone: Any, token: TokenOf) -> None:
    await phone.sign_in(token("parent", 7))
    kept = [(c.key, c.value) for c in phone.client.session.cookie_jar]

    await phone.send("logout", csrf=await phone.csrf())

    phone.client.session.cookie_jar.update_cookies(dict(kept))
    assert "Home 7" not in (await phone.get())[2]


async def test_a_session_ends_after_thirty_days(phone: Any, token: TokenOf, clock: Clock) -> None:
    await phone.sign_in(token("parent", 7))
    clock.forward(days=29)
    assert "Home 7" in (await phone.get())[2]
    clock.forward(days=1)
    assert "Home 7" not in (await phone.get())[2]


async def test_the_page_is_urdu_from_right_to_left_where_that_is_asked_for(phone: Any, token: TokenOf) -> None:
    await phone.sign_in(token("parent", 7))

    _, _, text = await phone.get("?lang=ur")

    assert '<html lang="ur" dir="rtl">' in text
    assert "⏸ روکیں" in text_of(text) and "کھلا ہے" in text and "Pause" not in text
    assert '<html lang="ur"' in (await phone.get("?lang=xx"))[2]


async def test_closed_hours_and_when_they_end_stand_on_the_card(phone: Any, token: TokenOf, engine: Engine) -> None:
    with writing(engine) as conn:
        store.set_schedule(conn, 7, Schedule((parse_interval("mon", "20:00", "06:30"),)))
    await phone.sign_in(token("parent", 7))

    _, _, text = await phone.get()

    assert "🌙 Closed until 6:30 am" in text_of(text)
    assert "closed from 8:00 pm to 6:30 am" in text_of(text)


async def test_a_tap_while_control_is_away_is_said_to_be_late_and_shows_no_receipt(
    phone: Any, token: TokenOf, control: PlayedControl, engine: Engine
) -> None:
    await phone.sign_in(token("parent", 7))
    csrf = await phone.csrf()
    control.fails = "connection refused"

    status, text = await phone.send("pause", csrf=csrf)

    assert status == 503
    assert "Saved. It is not in force yet" in text and "✔" not in text
    assert paused_until(engine) == UNTIL_RESUMED


async def test_a_label_is_text_and_the_page_has_no_script(phone: Any, token: TokenOf, engine: Engine) -> None:
    with writing(engine) as conn:
        found = store.get_subscriber(conn, 7)
        store.put_subscriber(conn, replace(found, label="<script>alert(1)</script>"))
    await phone.sign_in(token("parent", 7))

    _, _, text = await phone.get()

    assert "&lt;script&gt;" in text
    assert not re.search(r"<script|<img|src=|javascript:|onclick", text)
    assert len(text.encode()) < 60_000
