import json

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from mgmt.problems import Problem, problems


@pytest.fixture
async def faulty():
    async def bug(_request):
        raise KeyError("the secret of row 7")

    async def no(_request):
        raise Problem(409, "taken", "x: found; not taken; write y", "/x", order=3)

    async def moved(_request):
        raise web.HTTPFound("/no")

    async def quote(request):
        raise Problem(400, "no", f"{request.query['said']}\ud800", "/\udfff")

    async def read(request):
        return web.Response(body=await request.read())

    app = web.Application(middlewares=[problems], client_max_size=10)
    app.router.add_get("/bug", bug)
    app.router.add_get("/no", no)
    app.router.add_get("/moved", moved)
    app.router.add_get("/quote", quote)
    app.router.add_post("/read", read)
    async with TestClient(TestServer(app)) as client:
        yield client


async def body_of(response):
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Cache-Control"] == "no-store"
    return json.loads(await response.read())


async def test_a_problem_has_title_detail_and_where(faulty):
    async with faulty.get("/no") as response:
        assert response.status == 409
        assert await body_of(response) == {
            "title": "taken",
            "status": 409,
            "detail": "x: found; not taken; write y",
            "where": "/x",
            "order": 3,
        }


async def test_a_bug_is_in_the_log_and_not_on_the_wire(faulty, caplog):
    async with faulty.get("/bug") as response:
        assert response.status == 500
        assert "secret" not in str(await body_of(response))
    assert "the secret of row 7" in caplog.text


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/none", 404), ("POST", "/no", 405), ("POST", "/read", 413)]
)
async def test_what_the_framework_refuses_is_a_problem_too(faulty, method, path, status):
    async with faulty.request(method, path, data=b"x" * 20 if method == "POST" else None) as response:
        assert response.status == status
        assert (await body_of(response))["where"] == "request"


async def test_a_problem_that_quotes_half_a_surrogate_pair_can_be_sent(faulty):
    async with faulty.get("/quote?said=€") as response:
        assert response.status == 400
        body = await body_of(response)
        assert (body["detail"], body["where"]) == ("€\ufffd", "/\ufffd")


async def test_a_redirect_is_no_problem(faulty):
    async with faulty.get("/moved", allow_redirects=False) as response:
        assert response.status == 302
