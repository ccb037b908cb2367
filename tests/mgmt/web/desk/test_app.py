import asyncio
import io
import json
import threading
from dataclasses import replace
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import Engine
from support.mgmt.desk import Client, DeskOf, PlayedControl

from mgmt.contract.shapes import MAX_ORDER_OCTETS
from mgmt.orders.base.judge import judge_entries
from mgmt.registers.settings.page_settings import Settings
from mgmt.web.desk.app import ROUTES, create_app
from mgmt.web.kit.body import MAX_BODY_OCTETS


def test_every_route_stands_once_and_under_v1() -> None:
    pairs = [(route.method, route.path) for route in ROUTES]

    assert len(set(pairs)) == len(pairs)
    assert all(path.startswith("/v1/") and route.permission for route, (_, path) in zip(ROUTES, pairs, strict=True))


async def test_a_body_above_the_limit_is_refused(desk: DeskOf) -> None:
    status, body = await desk("regulator").ask(
        "POST", "/v1/orders?wait=9", data=io.BytesIO(b"x" * (MAX_ORDER_OCTETS + 1))
    )
    other, _ = await desk("operator").ask("PUT", "/v1/subscribers/7", data=io.BytesIO(b"x" * (MAX_BODY_OCTETS + 1)))

    assert (status, other) == (413, 413)
    assert set(body) >= {"title", "detail", "where"}


async def test_a_large_body_of_nobody_is_refused_before_it_is_read(client: Client) -> None:
    head = b"POST /v1/orders HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % MAX_ORDER_OCTETS
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(head)

    assert (await asyncio.wait_for(reader.readline(), 60)).startswith(b"HTTP/1.1 401 ")
    writer.transport.abort()


@pytest.mark.parametrize("has_tls", [True, False])
async def test_every_answer_says_that_its_type_is_what_it_says_and_to_come_by_tls_where_that_is_so(
    settings: Settings, engine: Engine, control: PlayedControl, has_tls: bool
) -> None:
    app = create_app(replace(settings, has_tls=has_tls), engine, control)
    async with TestClient(TestServer(app)) as client:
        for path in ("/v1/status", "/family", "/nothing"):
            headers = (await client.get(path)).headers
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers.get("Strict-Transport-Security") == ("max-age=31536000" if has_tls else None)


async def test_a_path_that_is_not_there_is_a_problem_also_without_a_token(client: Client) -> None:
    async with client.get("/v1/none") as response:
        assert response.status == 404
        assert response.headers["Content-Type"] == "application/problem+json"


async def test_while_the_names_of_an_order_are_judged_others_are_answered(
    desk: DeskOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_judging, others_have_answers = threading.Event(), threading.Event()

    def judge(*arguments: Any, **more: Any) -> Any:
        is_judging.set()
        assert others_have_answers.wait(60)
        return judge_entries(*arguments, **more)

    monkeypatch.setattr("mgmt.web.api.orders.judge_entries", judge)
    order = {"issuer": "PTA", "ref": "1", "ground": "g", "entries": [f"n{i}.example" for i in range(5000)]}
    regulator, operator = desk("regulator"), desk("operator")

    async with asyncio.TaskGroup() as tasks:
        pushing = tasks.create_task(
            regulator.ask("POST", "/v1/orders?wait=9", data=io.BytesIO(json.dumps(order).encode()))
        )
        assert await asyncio.to_thread(is_judging.wait, 60)
        for _ in range(2):
            assert (await operator.ask("GET", "/v1/status"))[0] == 200
        assert not pushing.done()
        others_have_answers.set()

    assert pushing.result()[0] == 201
