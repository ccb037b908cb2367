import pytest
from support.mgmt.phone import Phone

from mgmt.web.family.frame import HEADERS


@pytest.mark.parametrize(("name", "does"), [("leave", "location.replace"), ("code", "navigator.credentials.get")])
async def test_a_script_is_a_file_of_its_own_from_this_host_that_names_no_other(
    phone: Phone, name: str, does: str
) -> None:
    async with phone.client.get(f"/family/{name}.js") as response:
        text = await response.text()

        assert response.content_type == "text/javascript" and does in text and "://" not in text
        assert {key: response.headers[key] for key in HEADERS} == HEADERS
