"""Public lists over HTTP."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import Engine
from support.mgmt.desk import Client, Clock, PlayedControl

from mgmt.registers.settings.page_settings import Settings
from mgmt.web.desk.app import create_app
from mgmt.web.kit.doors import Door


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("own", "other", "unsigned"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "domains.txt").write_text("bad.example\n")
        (tmp_path / name / "secret").write_text("x")
        if name != "unsigned":
            (tmp_path / name / "signed.json").write_text("{}")
    return tmp_path


@pytest.fixture
async def visitor(
    folder: Path, settings: Settings, engine: Engine, control: PlayedControl, clock: Clock
) -> AsyncIterator[Client]:
    public = replace(settings, public_lists=("own", "unsigned"), public_folder=folder)
    app = create_app(public, engine, control, clock, door=Door.FAMILY)
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_a_file_is_given_with_a_tag_and_not_twice(visitor: Client) -> None:
    first = await visitor.get("/lists/own/domains.txt")
    assert (first.status, await first.text()) == (200, "bad.example\n")
    assert first.headers["Content-Type"] == "text/plain; charset=utf-8"

    again = await visitor.get("/lists/own/domains.txt", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, await again.read()) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "other/domains.txt",
        "own/secret",
        "own/hosts.txt",
        "unsigned/domains.txt",
        "own/..%2fother%2fdomains.txt",
        "%2e%2e/x",
    ],
)
async def test_what_is_not_public_is_not_there(visitor: Client, path: str) -> None:
    assert (await visitor.get(f"/lists/{path}")).status == 404


async def test_without_a_public_list_there_is_no_such_place(client: Client) -> None:
    assert (await client.get("/lists/own/domains.txt")).status == 404
