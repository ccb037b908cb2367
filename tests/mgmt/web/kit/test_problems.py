import json
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import Engine
from support.mgmt.desk import Desk, PlayedControl, TokenOf

from mgmt.contract.errors import BadRequest, NotInForce, NotJson
from mgmt.registers.settings.page_settings import Settings
from mgmt.web.desk.app import create_app
from mgmt.web.kit.problems import NOT_SIGNED, TITLES, Problem, problem_of, problems
from parental.store.database import writing
from parental.store.engines import Where, engine_of
from parental.store.errors import DatabaseAway, DatabaseDamage, DatabaseFull
from parental.store.schema.privileges import WEB

Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def faulty() -> AsyncIterator[Client]:
    async def bug(_request: web.Request) -> web.Response:
        raise KeyError("the secret of row 7")

    async def no(_request: web.Request) -> web.Response:
        raise Problem(409, "x: found; not taken; write y", "/x", order=3)

    async def moved(_request: web.Request) -> web.Response:
        raise web.HTTPFound("/no")

    async def quote(request: web.Request) -> web.Response:
        raise Problem(400, f"{request.query['said']}\ud800", "/\udfff")

    async def field(_request: web.Request) -> web.Response:
        raise BadRequest("/x", "/x: found; not taken; write y")

    async def read(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    app = web.Application(middlewares=[problems], client_max_size=10)
    app.router.add_get("/bug", bug)
    app.router.add_get("/no", no)
    app.router.add_get("/moved", moved)
    app.router.add_get("/field", field)
    app.router.add_get("/quote", quote)
    app.router.add_post("/read", read)
    async with TestClient(TestServer(app)) as client:
        yield client


async def body_of(response: ClientResponse) -> dict[str, Any]:
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Cache-Control"] == "no-store"
    body: dict[str, Any] = json.loads(await response.read())
    return body


async def test_a_problem_has_title_detail_and_where(faulty: Client) -> None:
    async with faulty.get("/no") as response:
        assert response.status == 409
        assert await body_of(response) == {
            "type": "/v1/problems/conflict",
            "title": "Conflict",
            "status": 409,
            "detail": "x: found; not taken; write y",
            "where": "/x",
            "order": 3,
        }


async def test_a_bug_is_in_the_log_and_not_on_the_wire(faulty: Client, caplog: pytest.LogCaptureFixture) -> None:
    async with faulty.get("/bug") as response:
        assert response.status == 500
        assert "secret" not in str(await body_of(response))
    assert "the secret of row 7" in caplog.text


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/none", 404), ("POST", "/no", 405), ("POST", "/read", 413)]
)
async def test_what_the_framework_refuses_is_a_problem_too(faulty: Client, method: str, path: str, status: int) -> None:
    async with faulty.request(method, path, data=b"x" * 20 if method == "POST" else None) as response:
        assert response.status == status
        assert (await body_of(response))["where"] == "request"


async def test_a_problem_that_quotes_half_a_surrogate_pair_can_be_sent(faulty: Client) -> None:
    async with faulty.get("/quote?said=€") as response:
        assert response.status == 400
        body = await body_of(response)
        assert (body["detail"], body["where"]) == ("€\ufffd", "/\ufffd")


async def test_a_redirect_is_no_problem(faulty: Client) -> None:
    async with faulty.get("/moved", allow_redirects=False) as response:
        assert response.status == 302


async def test_an_error_that_knows_nothing_of_http_gets_its_status(faulty: Client) -> None:
    async with faulty.get("/field") as response:
        assert (response.status, (await body_of(response))["where"]) == (422, "/x")


@pytest.mark.parametrize(
    ("error", "status", "where"),
    [
        (BadRequest("/x", "y"), 422, "/x"),
        (NotJson("body", "y"), 400, "body"),
        (NotInForce("dns-0: no space"), 503, "control"),
    ],
)
def test_each_error_has_one_status(error: BadRequest | NotInForce, status: int, where: str) -> None:
    problem = problem_of(error)

    assert (problem.status, problem.where, problem.detail) == (status, where, error.detail)


def test_a_status_with_several_kinds_of_problem_says_which() -> None:
    assert [Problem(503, "x", "y").kind, Problem(503, "x", "y", NOT_SIGNED).kind] == ["not-in-force", "not-signed"]
    assert Problem(418, "x", "y").kind == "other"


def test_titles_are_the_phrases_of_rfc_9110() -> None:
    renamed = {413: "Content Too Large", 422: "Unprocessable Content"}  # in RFC 9110; older Pythons have other phrases

    assert {status: renamed.get(status, HTTPStatus(status).phrase) for status in TITLES} == TITLES


def test_a_status_without_a_title_of_ours_keeps_the_frameworks() -> None:
    body = Problem(418, "x", "y").response("I'm a Teapot").body

    assert isinstance(body, bytes) and json.loads(body)["title"] == "I'm a Teapot"


@pytest.fixture
async def impatient(
    settings: Settings, engine: Engine, database: Where, control: PlayedControl, clock: Any
) -> AsyncIterator[Any]:
    """A client of a web role that waits for a lock of the database for a tenth of a second."""
    of_web = engine_of(database, WEB, patience_ms=100)
    async with TestClient(TestServer(create_app(settings, of_web, control, clock))) as client:
        yield client
    of_web.dispose()


async def test_a_database_that_another_process_has_locked_is_busy_and_not_a_bug(
    impatient: Any, engine: Engine, token: TokenOf
) -> None:
    operator = Desk(impatient, token("operator"))
    with writing(engine):
        status, head, body = await operator.raw("POST", "/v1/subscribers/7/pause", data=b"{}")

    assert (status, head["Retry-After"]) == (503, "5")
    assert json.loads(body)["type"] == "/v1/problems/database-away"
    assert json.loads(body)["detail"] == "the database is busy; nothing done; send the same request again"
    assert (await operator.ask("POST", "/v1/subscribers/7/pause", json={}))[0] == 200


@pytest.mark.parametrize(
    ("fault", "status", "after", "said"),
    [
        (DatabaseFull, 507, None, "no space is left on the disk; nothing done; tell the operator"),
        (DatabaseDamage, 503, "30", "the operator finds the reason in the log"),
        (DatabaseAway, 503, "30", "the operator finds the reason in the log"),
    ],
)
async def test_what_keeps_the_database_from_its_work_is_a_sentence_without_its_place(
    client: Any, token: TokenOf, monkeypatch: pytest.MonkeyPatch, fault: Any, status: int, after: Any, said: str
) -> None:
    operator = Desk(client, token("operator"))

    def fail(*_: object) -> None:
        raise fault("database /var/lib/filterd/database/filterd.db: …")

    monkeypatch.setattr("parental.policy.subscribers.pause", fail)
    got, head, body = await operator.raw("POST", "/v1/subscribers/7/pause", data=b"{}")

    assert (got, head.get("Retry-After")) == (status, after)
    assert said in json.loads(body)["detail"]
    assert b"/var/lib" not in body
