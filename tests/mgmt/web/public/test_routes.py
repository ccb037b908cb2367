"""The public's page over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import Engine, event
from support.mgmt.confirmed import SIGNER
from support.mgmt.desk import Client, Clock, PlayedControl
from support.mgmt.transparent import AT, statement_of

from mgmt.registers.settings.page_settings import Settings
from mgmt.registers.transparency.releases import put_release
from mgmt.registers.transparency.statement import check_document, text_of
from mgmt.web.desk.app import create_app
from mgmt.web.kit.doors import Door
from mgmt.web.public import routes
from parental.store.database import writing
from parental.store.engines import Where, engine_of
from parental.store.schema.privileges import WEB


@pytest.fixture
def of_web(database: Where, engine: Engine) -> Iterator[Engine]:
    del engine  # it has made the tables
    of_web = engine_of(database, WEB)
    yield of_web
    of_web.dispose()


@pytest.fixture
async def visitor(settings: Settings, of_web: Engine, control: PlayedControl, clock: Clock) -> AsyncIterator[Client]:
    app = create_app(replace(settings, has_transparency=True), of_web, control, clock, door=Door.FAMILY)
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_it_is_off_unless_it_is_switched_on(client: Client) -> None:
    assert (await client.get("/transparency")).status == 404


async def test_the_desks_door_does_not_show_it(
    settings: Settings, of_web: Engine, control: PlayedControl, clock: Clock
) -> None:
    app = create_app(replace(settings, has_transparency=True), of_web, control, clock, door=Door.DESK)
    async with TestClient(TestServer(app)) as client:
        assert (await client.get("/transparency")).status == 404


async def test_before_the_first_quarter_there_is_a_page(visitor: Client) -> None:
    found = await visitor.get("/transparency", headers={"Accept-Language": "en"})

    assert found.status == 200 and "Nothing has been published yet." in await found.text()


@pytest.mark.usefixtures("public")
async def test_a_visitor_reads_the_newest_quarter_in_the_language_of_the_browser_or_of_the_link(
    visitor: Client,
) -> None:
    urdu = await visitor.get("/transparency", headers={"Accept-Language": "ur-PK,en;q=0.5"})
    english = await visitor.get("/transparency?language=en", headers={"Accept-Language": "ur"})

    assert 'lang="ur" dir="rtl"' in await urdu.text() and 'lang="en" dir="ltr"' in await english.text()
    assert "Set-Cookie" not in urdu.headers and "script-src" not in urdu.headers["Content-Security-Policy"]
    assert urdu.headers["Vary"] == "Accept-Language" and urdu.headers["Cache-Control"] == "public, max-age=300"


@pytest.mark.usefixtures("public")
async def test_the_file_is_what_control_signed(visitor: Client) -> None:
    found = await visitor.get("/transparency/2026-Q3.json")

    assert check_document(await found.read(), [SIGNER.vkey]) == text_of(statement_of())


@pytest.mark.usefixtures("public")
async def test_who_has_it_gets_no_second_copy(visitor: Client) -> None:
    first = await visitor.get("/transparency/2026-Q3")
    again = await visitor.get("/transparency/2026-Q3", headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status, await again.read()) == (304, b"")


@pytest.mark.usefixtures("public")
@pytest.mark.parametrize("path", ["2026-Q2", "2026-Q2.json", "2026-Q5", "../v1/orders", "2026-Q3.csv"])
async def test_what_was_not_made_public_is_not_there(visitor: Client, path: str) -> None:
    assert (await visitor.get(f"/transparency/{path}")).status in (401, 404)


@pytest.mark.usefixtures("public")
async def test_a_thousand_visitors_at_once_are_one_look_into_the_database(visitor: Client, of_web: Engine) -> None:
    asked: list[str] = []
    event.listen(of_web, "before_cursor_execute", lambda *args: asked.append(args[2]))

    found = await asyncio.gather(*(visitor.get(f"/transparency?language=en&x={n}") for n in range(100)))

    assert {each.status for each in found} == {200}
    assert len([each for each in asked if "transparency_releases" in each]) == 2  # which quarters, and that one


async def test_a_quarter_that_comes_is_shown_once_the_minute_is_over(
    visitor: Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "KEPT_S", -1.0)
    await visitor.get("/transparency?language=en")
    with writing(engine) as conn:
        put_release(conn, statement_of("2026-Q4"), SIGNER, AT)

    assert "2026-Q4" in await (await visitor.get("/transparency?language=en")).text()


async def test_what_is_kept_is_bounded() -> None:
    answers = routes.Answers()

    async def make() -> bytes:
        return b"x"

    for n in range(10 * routes.MAX_ANSWERS):
        await answers.give((n,), make)

    assert len(answers._known) <= routes.MAX_ANSWERS
