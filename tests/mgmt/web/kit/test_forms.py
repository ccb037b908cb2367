import pytest
from aiohttp import FormData, web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request

from mgmt.web.kit.forms import form_of, is_from_here, mark_of


@pytest.mark.parametrize(
    ("headers", "is_ours"),
    [
        ({"Origin": "http://desk.example"}, True),
        ({"Origin": "http://DESK.example"}, True),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "http://desk.example:1"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}, False),
        ({}, True),
    ],
)
def test_a_browser_says_whether_our_own_page_has_sent_a_form(headers: dict[str, str], is_ours: bool) -> None:
    request = make_mocked_request("POST", "/", headers={"Host": "desk.example", **headers})

    assert is_from_here(request) == is_ours


def test_a_mark_is_the_same_for_the_same_and_another_for_anything_else() -> None:
    assert mark_of(["a"], "b", None) == mark_of(["a"], "b", None)
    assert len({mark_of(["a"], "b"), mark_of(["a", "b"]), mark_of(["b"], "b"), mark_of(["a"], "b", None)}) == 4


async def test_a_form_is_its_text_fields() -> None:
    async def endpoint(request: web.Request) -> web.Response:
        return web.json_response(await form_of(request))

    app = web.Application()
    app.router.add_post("/", endpoint)
    form = FormData({"a": "1", "b": ""})
    form.add_field("file", b"octets", filename="f")
    async with TestClient(TestServer(app)) as client, client.post("/", data=form) as response:
        assert await response.json() == {"a": "1", "b": ""}
