import re

from support.mgmt.phone import Phone

from mgmt.portal.frame import style_of
from mgmt.settings import THEME, Theme


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
            loaded = [each for each in found if not each.startswith(("tel:", "mailto:", "https://complaint"))]
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
