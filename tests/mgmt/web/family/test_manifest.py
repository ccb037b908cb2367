import json

import pytest
from support.mgmt.phone import Phone

from mgmt.text.accept import LANGUAGES


@pytest.mark.parametrize("code", LANGUAGES)
async def test_a_page_names_the_manifest_of_its_language_which_leads_back_to_it(phone: Phone, code: str) -> None:
    assert f'<link rel="manifest" href="/family/{code}.webmanifest">' in (await phone.get("", f"lang={code}"))[2]
    async with phone.client.get(f"/family/{code}.webmanifest") as response:
        assert response.status == 200 and response.content_type == "application/manifest+json"
        said = json.loads(await response.text())

    assert said["lang"] == code and said["start_url"] == f"/family?lang={code}" and said["scope"] == "/family"
    assert said["dir"] == ("rtl" if code == "ur" else "ltr")
    for icon in said["icons"]:
        async with phone.client.get(icon["src"]) as response:
            assert response.status == 200 and response.content_type == icon["type"]


async def test_a_manifest_of_another_language_is_not_served(phone: Phone) -> None:
    assert (await phone.get("/fr.webmanifest"))[0] == 404
