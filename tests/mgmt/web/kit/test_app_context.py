import threading
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from sqlalchemy import Connection, Engine
from support.present import present

from mgmt.contract.shapes import After
from mgmt.web.kit.app_context import ENGINE, json_response, read, utc_now, write
from parental.store import revision


@pytest.fixture
def request_of(engine: Engine) -> Any:
    app = web.Application()
    app[ENGINE] = engine
    return make_mocked_request("GET", "/", app=app)


async def test_the_database_is_asked_in_another_thread(request_of: Any) -> None:
    assert await read(request_of, lambda _conn: threading.get_ident()) != threading.get_ident()


async def test_what_fails_in_a_writing_transaction_is_not_written(request_of: Any) -> None:
    def fail(conn: Connection) -> None:
        revision.raise_revision(conn, "x")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await write(request_of, fail)

    assert await read(request_of, lambda conn: revision.current_revision(conn, "x")) == 0


def test_nobody_caches_an_answer_and_the_clock_has_its_zone() -> None:
    assert json_response(After()).headers["Cache-Control"] == "no-store"
    assert present(utc_now().utcoffset()).total_seconds() == 0
