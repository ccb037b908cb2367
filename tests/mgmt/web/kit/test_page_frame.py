"""A frame with one page and one form, below /some."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from support.mgmt.desk import Client
from yarl import URL

from mgmt.registers.settings.page_settings import Settings
from mgmt.web.kit.app_context import SETTINGS
from mgmt.web.kit.page_frame import PageFrame, number_of

SECRET, TOKEN = "s" * 43, "f" * 64


class SomeSession(NamedTuple):
    csrf: str = TOKEN


async def find(_: web.Request, secret: str) -> SomeSession | None:
    return SomeSession() if secret == SECRET else None


@pytest.fixture
def frame(tmp_path: Path) -> PageFrame[SomeSession]:
    (tmp_path / "some.css").write_text("p{margin:0}")
    (tmp_path / "page.html").write_text("{{ path }} {{ typed.what }} {{ session is none }}")
    life = timedelta(hours=1)
    return PageFrame(
        "/some", tmp_path, "some.css", cookie="some", life=life, find=find, loads="style-src 'self'", longest=80
    )


def app_of(frame: PageFrame[SomeSession], settings: Settings) -> web.Application:
    async def show(request: web.Request) -> web.Response:
        return frame.page(request, "page.html", 200, await frame.session_of(request))

    async def do(request: web.Request) -> web.Response:
        form = await frame.sent(request)
        return frame.page(request, "page.html", 403, None) if form is None else web.Response(text=form.fields["what"])

    async def come(request: web.Request) -> web.Response:
        return frame.give_session(request, frame.moved("/next?a=1"), SECRET)

    async def go(request: web.Request) -> web.Response:
        return frame.take_session(request, frame.moved(""))

    app = web.Application()
    app[SETTINGS] = settings
    app.router.add_get("/some", show)
    app.router.add_post("/some", do)
    app.router.add_get("/come", come)
    app.router.add_get("/go", go)
    return app


@pytest.fixture
async def client(frame: PageFrame[SomeSession], settings: Settings) -> AsyncIterator[Client]:
    async with TestClient(TestServer(app_of(frame, settings))) as client:
        yield client


@pytest.mark.parametrize(
    ("secret", "csrf", "origin", "status"),
    [
        (SECRET, TOKEN, None, 200),
        ("another", TOKEN, None, 403),
        ("", TOKEN, None, 403),
        (SECRET, TOKEN[1:], None, 403),
        (SECRET, "", None, 403),
        (SECRET, TOKEN + "é\ud800", None, 403),
        (SECRET, TOKEN, "http://evil.example", 403),
    ],
)
async def test_a_form_counts_with_cookie_token_and_origin_alone(
    client: Client, secret: str, csrf: str, origin: str | None, status: int
) -> None:
    own = URL(f"http://127.0.0.1:{client.server.port}")
    client.session.cookie_jar.update_cookies({"some": secret} if secret else {}, own)
    fields = {"csrf": csrf.encode("utf-8", "replace").decode(), "what": "x" * 99}

    async with client.post("/some", data=fields, headers={"Origin": origin or str(own).rstrip("/")}) as response:
        text = await response.text()

    assert response.status == status
    assert status == 403 or text == "x" * 80


async def test_a_page_says_what_was_typed_and_is_neither_stored_nor_framed(client: Client) -> None:
    async with client.get("/some") as response:
        assert (await response.text()).split() == ["/some", "True"]
    assert response.headers["Cache-Control"] == "no-store" and response.headers["X-Frame-Options"] == "DENY"
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; form-action 'self'") and "ancestors" in policy
    client.session.cookie_jar.update_cookies({"some": SECRET}, client.make_url("/"))
    async with client.post("/some", data={"csrf": "x", "what": "<b>"}) as response:
        assert (await response.text()).split() == ["/some", "&lt;b&gt;", "True"]


@pytest.mark.parametrize(("has_tls", "name"), [(False, "some"), (True, "__Host-some")])
async def test_the_cookie_is_of_this_host_and_no_script_reads_it(
    frame: PageFrame[SomeSession], settings: Settings, has_tls: bool, name: str
) -> None:
    app = app_of(frame, replace(settings, has_tls=has_tls))
    async with TestClient(TestServer(app)) as client:
        async with client.get("/come", allow_redirects=False) as response:
            given = response.headers["Set-Cookie"]
        async with client.get("/go", allow_redirects=False) as gone:
            taken = gone.headers["Set-Cookie"]

    assert response.status == 303 and response.headers["Location"] == "/some/next?a=1"
    assert given.startswith(f"{name}={SECRET};") and "HttpOnly" in given and "SameSite=Strict" in given
    assert "Max-Age=3600" in given and "Path=/" in given and ("Secure" in given) == has_tls
    assert taken.startswith(f'{name}="";') and "Max-Age=0" in taken


@pytest.mark.parametrize(("said", "number"), [("7", 7), ("12345", 12345), ("123456", 0), ("-7", 0), ("٧", 0), ("", 0)])
def test_a_number_has_so_many_digits_and_nothing_else(said: str, number: int) -> None:
    assert number_of(said, 5) == number
