import pytest
from sqlalchemy import Engine
from support.mgmt.phone import Phone

from mgmt.web.family.acts.taps import TAPS
from parental.people.household import history
from parental.store.database import reading


async def test_no_tap_is_a_link_that_a_page_or_a_preview_could_open(parent: Phone, engine: Engine) -> None:
    for did in (*TAPS, "everyone", "undo", "logout", "switch", "number", "login"):
        status, _, text = await parent.get(f"/{did}")
        assert status == 200 and "Signed in: Sana" in text, did

    with reading(engine) as conn:
        assert history(conn, 7) == []


async def test_the_address_of_a_form_leads_to_the_page_that_has_it(parent: Phone) -> None:
    async with parent.client.get("/family/hours/7/save", allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (303, "/family/hours/7")


@pytest.mark.parametrize("path", ["/", "/family/"])
async def test_the_address_of_the_door_alone_leads_to_the_family_pages(phone: Phone, path: str) -> None:
    async with phone.client.get(path, allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (303, "/family")


async def test_an_address_that_is_no_page_says_so_on_a_page(phone: Phone) -> None:
    status, headers, text = await phone.get("/wifi")

    assert status == 404 and headers["Content-Type"].startswith("text/html")
    assert "There is no such page" in text and "frame-ancestors" in headers["Content-Security-Policy"]
