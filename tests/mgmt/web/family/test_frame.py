import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import Engine
from support.mgmt.desk import Clock, PlayedControl
from support.mgmt.phone import Phone, add_child
from support.pseudo_locale import NAME, offer

from mgmt.registers.settings.page_settings import THEME, Settings, Theme
from mgmt.web.desk.app import create_app
from mgmt.web.family.frame import style_of


async def test_the_style_sheet_is_a_file_of_its_own_that_a_browser_keeps(phone: Phone) -> None:
    name, style = style_of(THEME)

    assert re.findall(r'<link rel="stylesheet" href="([^"]+)"', (await phone.get())[2]) == [name]
    async with phone.client.get(name) as response:
        assert response.status == 200 and response.content_type == "text/css"
        assert "immutable" in response.headers["Cache-Control"]
        assert await response.text() == style
    async with phone.client.get("/family/000000000000.css") as response:
        assert await response.text() == style and response.headers["Cache-Control"] == "no-store"
    assert "url(" not in style and "@import" not in style


def test_the_operators_colours_are_in_a_style_sheet_of_another_name() -> None:
    plain, (name, style) = style_of(THEME), style_of(Theme(accent="#7a0000"))

    assert name != plain[0] and "--deed:#7a0000" in style and "--deed:#7a0000" not in plain[1]


async def test_a_page_asks_no_other_host_for_anything(phone: Phone) -> None:
    for where in ("", "/help"):
        for query in ("lang=en", "lang=ur"):
            found = re.findall(r'(?:src|href|action)="([^"]+)"', (await phone.get(where, query))[2])
            links = ("tel:", "mailto:", "https://complaint", "https://isp.example")
            loaded = [each for each in found if not each.startswith(links)]
            assert loaded and all(each.startswith("/family") for each in loaded)


async def test_the_language_of_a_page_is_the_addresss_or_the_browsers(phone: Phone) -> None:
    for query, accepted, language in (
        ("lang=ur", "en", "ur"),
        ("", "en", "en"),
        ("", "fr", "ur"),
        ("lang=x", "en", "en"),
    ):
        async with phone.client.get(f"/family?{query}", headers={"Accept-Language": accepted}) as response:
            assert f'<html lang="{language}"' in await response.text()


async def test_the_other_language_of_a_page_is_the_same_page(phone: Phone) -> None:
    assert '<a href="/family/help?lang=ur"' in (await phone.get("/help"))[2]


@pytest.fixture
async def pashto(
    settings: Settings,
    engine: Engine,
    control: PlayedControl,
    clock: Clock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Phone]:
    """A telephone at pages that are offered in a third language."""
    made = offer("ps", tmp_path, monkeypatch)
    next(made)
    app = create_app(replace(settings, further_languages=("ps",)), engine, control, clock)
    async with TestClient(TestServer(app)) as client:
        yield Phone(client, tmp_path)
    next(made, None)


async def test_a_third_language_is_offered_read_first_by_who_prefers_it_and_written_its_own_way(pashto: Phone) -> None:
    _, _, english = await pashto.get("/help")
    _, _, text = await pashto.get("/help", "lang=ps")

    assert f'href="/family/help?lang=ps" lang="ps" hreflang="ps">{NAME}</a>' in english
    assert '<html lang="ps" dir="rtl">' in text and 'lang="en"' in text and 'lang="ur"' in text
    async with pashto.client.get("/family/help", headers={"Accept-Language": "ps, ur;q=0.5"}) as response:
        assert '<html lang="ps"' in await response.text()
    async with pashto.client.get("/family/ps.webmanifest") as response:
        assert (await response.json())["dir"] == "rtl"


async def test_a_language_that_is_not_offered_is_none(phone: Phone) -> None:
    _, _, text = await phone.get("/help", "lang=ps")

    assert 'lang="ps"' not in text
    async with phone.client.get("/family/ps.webmanifest") as response:
        assert response.status == 404


async def test_each_page_is_called_by_what_it_is_about(parent: Phone) -> None:
    where = ("", "/help", "/learn", "/mine", "/people", "/children", "/tickets", "/requests", "/changes", "/days")
    of_home = ("/hours/7", "/hours/7/new/sleep", "/rules/7", "/rules/7/sees")
    titles = [re.findall("<title>(.*)</title>", (await parent.get(each))[2]) for each in where + of_home]

    assert len({each for (each,) in titles}) == len(titles)
    assert all(each.endswith(" · Family · Example ISP") for (each,) in titles)
    assert titles[-2] == ["Home 7 · Rules · Family · Example ISP"]
    parent.client.session.cookie_jar.clear()
    assert "<title>والدین کا صفحہ · Example ISP</title>" in (await parent.get(query="lang=ur"))[2]


async def test_the_title_of_a_page_is_text_whatever_a_name_holds(parent: Phone, engine: Engine) -> None:
    child = add_child(engine, "</title><b>&")

    assert "<title>&lt;/title&gt;&lt;b&gt;&amp; · Rules ·" in (await parent.get(f"/rules/{child}"))[2]
