import asyncio
import io
import json

from support.mgmt.desk import Client, DeskOf

from mgmt.app import ROUTES
from mgmt.body import MAX_BODY_OCTETS


def test_every_route_stands_once_and_under_v1() -> None:
    pairs = [(route.method, route.path) for route in ROUTES]

    assert len(set(pairs)) == len(pairs)
    assert all(path.startswith("/v1/") and route.roles for route, (_, path) in zip(ROUTES, pairs, strict=True))


async def test_a_body_above_the_limit_is_refused(desk: DeskOf) -> None:
    status, body = await desk("regulator").ask("POST", "/v1/orders", data=io.BytesIO(b"x" * (MAX_BODY_OCTETS + 1)))

    assert status == 413
    assert set(body) >= {"title", "detail", "where"}


async def test_a_path_that_is_not_there_is_a_problem_also_without_a_token(client: Client) -> None:
    async with client.get("/v1/none") as response:
        assert response.status == 404
        assert response.headers["Content-Type"] == "application/problem+json"


async def test_an_order_of_many_names_does_not_hold_up_others(desk: DeskOf) -> None:
    order = {"issuer": "PTA", "ref": "1", "ground": "g", "entries": [f"n{i}.example" for i in range(5000)]}
    regulator, operator = desk("regulator"), desk("operator")

    async with asyncio.TaskGroup() as tasks:
        pushing = tasks.create_task(regulator.ask("POST", "/v1/orders", data=io.BytesIO(json.dumps(order).encode())))
        n_answers = 0
        while not pushing.done():
            assert (await operator.ask("GET", "/v1/status"))[0] == 200
            n_answers += 1

    assert pushing.result()[0] == 201
    assert n_answers > 1
