from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import Engine
from support.mgmt.desk import Clock, PlayedControl
from support.mgmt.phone import Phone

from mgmt.registers.settings.page_settings import Settings
from mgmt.web.desk.app import create_app
from mgmt.web.family.audio import recordings

OCTETS = b"ID3 a recording"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("ur/family.help.child.mp3", "ur/family.help.talk.do.ogg", "en/family.tap.pause.m4a"):
        (tmp_path / "audio" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "audio" / name).write_bytes(OCTETS)
    for name in ("ur/family.help.child.exe", "ur/no.such.message.mp3", "key.pem"):
        (tmp_path / "audio" / name).write_bytes(b"secret")
    return tmp_path / "audio"


@pytest.fixture
async def listener(
    settings: Settings, engine: Engine, control: PlayedControl, clock: Clock, folder: Path, tmp_path: Path
) -> AsyncIterator[Phone]:
    settings.audio = folder
    app = create_app(settings, engine, control, clock)
    async with TestClient(TestServer(app), cookie_jar=CookieJar(unsafe=True)) as client:
        yield Phone(client, tmp_path)


async def test_a_message_that_is_recorded_can_be_listened_to_and_another_has_no_player(listener: Phone) -> None:
    urdu, english = (await listener.get("/help", "lang=ur"))[2], (await listener.get("/help"))[2]

    assert 'src="/audio/ur/family.help.child.mp3"' in urdu and 'src="/audio/ur/family.help.talk.do.ogg"' in urdu
    assert urdu.count("<audio") == 2 and "<audio" not in english
    async with listener.client.get("/audio/ur/family.help.child.mp3", headers={"Range": "bytes=0-2"}) as response:
        assert response.status == 206 and response.content_type == "audio/mpeg" and await response.read() == b"ID3"
        assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "name",
    [
        "ur/family.help.child.exe",
        "ur/no.such.message.mp3",
        "key.pem",
        "ur/../key.pem",
        "ur/%2e%2e/key.pem",
        "en/family.help.child.mp3",
        "",
    ],
)
async def test_nothing_but_recordings_of_messages_is_served(listener: Phone, name: str) -> None:
    async with listener.client.get(f"/audio/{name}") as response:
        assert response.status == 404 and b"secret" not in await response.read()


def test_a_folder_that_is_not_there_has_no_recordings(tmp_path: Path) -> None:
    assert recordings(tmp_path / "absent") == {}


async def test_a_page_without_recordings_has_no_player(phone: Phone) -> None:
    assert "<audio" not in (await phone.get("/help", "lang=ur"))[2]
