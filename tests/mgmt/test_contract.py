"""Schemathesis against the application over a database of life: what the document promises is what comes.

What it cannot know: that a value which fits its type may still be refused (a prefix that another line has, hours that
are no hours).  So `positive_data_acceptance` is left out; what a type does not allow must be refused all the same.
"""

import asyncio
import contextlib
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import Engine
from support.mgmt.desk import Clock, PlayedControl, TokenOf
from support.mgmt.life import fill

from mgmt.orders.base.sealed import why_sealed
from mgmt.registers.settings.page_settings import Settings
from mgmt.staff.permissions import HOUSEHOLD_ROLES, ROLES
from mgmt.web.desk.app import create_app
from mgmt.web.kit import rates
from parental.store.engines import Where, engine_of
from parental.store.schema.privileges import WEB
from rules.lists.letter import Letter, read_letter

pytestmark = [pytest.mark.services, pytest.mark.one_database]
WAIT_S = 3600
ANSWER_S = 600  # what an answer says is tested, not when it comes; ten seconds are its own limit


@pytest.fixture
def address(
    settings: Settings,
    engine: Engine,
    database: Where,
    control: PlayedControl,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    for limit in ("N_OF_TOKEN", "N_REFUSED"):  # it asks as often as a thousand clients, and often without a token
        monkeypatch.setattr(rates, limit, 10**6)
    fill(engine)
    of_web = engine_of(database, WEB)
    app = create_app(
        settings, of_web, control, clock, letters=lambda octets, said: read_letter(octets, said, why_sealed)
    )
    with _running(app) as port:
        yield f"http://127.0.0.1:{port}"
    of_web.dispose()


def read_here(octets: bytes, encoding: str | None) -> Letter:
    """Read a letter in this process."""
    return read_letter(octets, encoding, why_sealed)


@contextlib.contextmanager
def _running(app: web.Application) -> Iterator[int]:
    """The port of an application in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def wait_for(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(ANSWER_S)

    server = TestServer(app)
    wait_for(server.start_server())
    try:
        yield server.port or 0
    finally:
        wait_for(server.close())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


@pytest.mark.parametrize(
    ("role", "phases", "examples"),
    [
        ("operator", "coverage,fuzzing", 8),
        ("regulator", "fuzzing", 4),
        ("auditor", "fuzzing", 4),
        ("parent", "fuzzing", 4),
        *(pytest.param(role, "coverage,fuzzing,stateful", 20, marks=pytest.mark.long) for role in ROLES),
    ],
)
def test_what_comes_is_what_the_document_says(
    address: str, token: TokenOf, tmp_path: Path, role: str, phases: str, examples: int
) -> None:
    secret = token(role, 7 if role in HOUSEHOLD_ROLES else None)
    argv = [
        *(str(Path(sys.executable).parent / "schemathesis"), "run", f"{address}/v1/openapi.json"),
        *("--header", f"Authorization: Bearer {secret}", "--phases", phases, "--max-examples", str(examples)),
        *("--request-timeout", str(ANSWER_S)),
        *("--seed", "1", "--generation-database", "none", "--no-shrink", "--continue-on-failure"),
        *("--exclude-checks", "positive_data_acceptance"),
        *("--suppress-health-check", "filter_too_much"),  # it tries many texts before one is a line of text
        *("--exclude-operation-id", "delete_v1_tokens_id"),  # it would end the very token that it asks with
    ]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=WAIT_S, check=False)

    told = "\n".join(line[:500] for line in done.stdout.splitlines())
    assert done.returncode == 0, told[-20_000:]
    assert not re.search(r"\b0 generated", told)
