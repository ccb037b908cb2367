import pytest
from aiohttp.test_utils import make_mocked_request
from aiohttp.web import Request

from mgmt.body import read_fields
from mgmt.errors import NotJson


def request_with(body: bytes) -> Request:
    request = make_mocked_request("POST", "/v1/orders")
    request._read_bytes = body
    return request


async def test_the_body_of_a_request_is_read_as_fields() -> None:
    fields = await read_fields(request_with(b'{"reason": "a court"}'), "reason")

    assert fields.text("reason") == "a court"


async def test_a_body_that_is_not_json_is_refused() -> None:
    with pytest.raises(NotJson, match="body: not JSON"):
        await read_fields(request_with(b"{"), "reason")
