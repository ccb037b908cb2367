import json
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from msgspec import Struct, ValidationError

from mgmt.contract.decoder import decode as plain
from mgmt.contract.shapes import After
from mgmt.web.kit.auth import Principal, Route
from mgmt.web.kit.contract import Contract
from mgmt.web.kit.problems import problems
from mgmt.web.kit.requests import LARGE_OCTETS, body_of, framed, octets_of, query_of, shown

Client = TestClient[web.Request, web.Application]


class Said(Struct, forbid_unknown_fields=True):
    text: str


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """POST /x?after= answers with what it has read; no token is asked for."""

    async def endpoint(request: web.Request, _: Principal) -> web.Response:
        after, said = query_of(request, After).after, await body_of(request, Said)
        return web.json_response([after, said.text[:9], len(await octets_of(request))])

    route = Route("POST", "/x", endpoint, "orders.read", Contract({200: Said}, query=After, body=Said, at_most=10**6))
    read = framed(route)
    app = web.Application(middlewares=[problems])

    async def read_it(request: web.Request) -> web.StreamResponse:
        return await read(request, Principal(1, frozenset({"engineer"}), None))

    app.router.add_post("/x", read_it)
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_parameters_and_body_come_as_the_contract_says(client: Client) -> None:
    async with client.post("/x?after=7", data=b'{"text": "a"}') as response:
        assert await response.json() == [7, "a", 13]


async def test_a_parameter_that_the_contract_does_not_know_is_refused(client: Client) -> None:
    async with client.post("/x?aftr=7", data=b'{"text": "a"}') as response:
        assert response.status == 422
        assert (await response.json(content_type=None))["detail"] == (
            "?aftr: an unknown parameter; not taken; write after"
        )


async def test_a_body_beyond_the_contract_is_refused(client: Client) -> None:
    async with client.post("/x", data=b'{"text": "%b"}' % (b"x" * 10**6)) as response:
        assert response.status == 413


async def test_a_large_body_is_decoded_in_another_thread(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[bool] = []

    def decode(octets: bytes, shape: Any) -> Any:
        decoded.append(threading.current_thread() is threading.main_thread())
        return plain(octets, shape)

    monkeypatch.setattr("mgmt.web.kit.requests.decode", decode)
    for size in (10, LARGE_OCTETS):
        assert (await client.post("/x", data=json.dumps({"text": "x" * size}).encode())).status == 200

    assert decoded == [True, False]


def test_what_another_room_says_and_the_contract_does_not_promise_is_a_fault() -> None:
    assert shown({"text": "a"}, Said) == Said("a")
    with pytest.raises(ValidationError):
        shown({"text": 7}, Said)
