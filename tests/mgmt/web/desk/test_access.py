import pytest
from support.mgmt.staff_desk import Browser, Come


async def test_whose_role_may_not_reads_so_and_keeps_the_own_tabs(browser: Browser, come: Come) -> None:
    come("support")

    status, text = await browser.get("/people")

    assert status == 403
    assert "The role support may not do this or see it" in text and '"/desk/reports"' in text


@pytest.mark.parametrize("role", ["support", "compliance"])
async def test_a_form_without_its_token_reads_how_to_go_on(browser: Browser, come: Come, role: str) -> None:
    come(role)

    status, text = await browser.send("/people/reviewed", csrf="")

    assert status == 403 and "Nothing was done" in text
