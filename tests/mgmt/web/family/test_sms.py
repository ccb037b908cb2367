import asyncio
import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from mgmt.web.family.sms import MOST_WAITING, Gateway, Outbox, Sender, SmsFailure

NUMBER, TEXT = "+923001234567", "123456 aap ka Family code hai."


class Played:
    """A gateway of somebody else's."""

    def __init__(self) -> None:
        self.status = 200
        self.got: list[Any] = []

    async def take(self, request: web.Request) -> web.Response:
        said = await request.json() if request.content_type == "application/json" else dict(await request.post())
        self.got.append((request.headers.get("Authorization"), said))
        return web.Response(status=self.status, headers={"Location": "/send"})


@pytest.fixture
async def played() -> AsyncIterator[tuple[Played, str]]:
    gateway, app = Played(), web.Application()
    app.router.add_post("/send", gateway.take)
    async with TestServer(app) as server:
        yield gateway, str(server.make_url("/send"))


@pytest.mark.parametrize("is_json", [False, True])
async def test_a_gateway_gets_number_and_text_by_the_names_that_it_wants(
    played: tuple[Played, str], is_json: bool
) -> None:
    gateway, url = played
    sms = Gateway(url, "msisdn", "body", {"from": "EXAMPLE"}, "Bearer x", is_json)

    await sms.send(NUMBER, TEXT)

    assert gateway.got == [("Bearer x", {"from": "EXAMPLE", "msisdn": NUMBER, "body": TEXT})]
    assert "Bearer x" not in repr(sms)


@pytest.mark.parametrize("status", [302, 400, 401, 500])
async def test_a_gateway_that_refuses_or_leads_elsewhere_has_not_taken_it(
    played: tuple[Played, str], status: int
) -> None:
    gateway, url = played
    gateway.status = status

    with pytest.raises(SmsFailure, match=str(status)):
        await Gateway(url).send(NUMBER, TEXT)
    assert len(gateway.got) == 1


async def test_a_gateway_that_is_away_has_not_taken_it() -> None:
    with pytest.raises(SmsFailure, match="gateway"):
        await Gateway("http://127.0.0.1:1/send").send(NUMBER, TEXT)


async def test_an_outbox_has_one_file_a_message_that_others_do_not_read(tmp_path: Path) -> None:
    for text in (TEXT, "ایک"):
        await Outbox(tmp_path).send(NUMBER, text)

    files = list(tmp_path.iterdir())
    assert sorted(json.loads(each.read_text())["text"] for each in files) == sorted([TEXT, "ایک"])
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
    with pytest.raises(SmsFailure, match="No such file"):
        await Outbox(tmp_path / "missing").send(NUMBER, TEXT)


class Flaky:
    """Fails so often, then takes."""

    def __init__(self, fails: int) -> None:
        self.fails, self.taken = fails, 0
        self.done = asyncio.Event()

    async def send(self, number: str, text: str) -> None:
        if self.fails:
            self.fails -= 1
            raise SmsFailure("gateway: away")
        self.taken += 1
        self.done.set()


async def test_a_message_that_is_not_taken_is_tried_once_more_and_then_lost_and_logged_without_its_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    flaky = Flaky(1)
    sender = Sender(flaky, apart_s=0)
    sender.post(NUMBER, TEXT)
    async with asyncio.timeout(30):
        await flaky.done.wait()
        assert not caplog.records

        flaky.fails = 2
        sender.post(NUMBER, TEXT)
        while not caplog.records:  # noqa: ASYNC110  # a log cannot be awaited
            await asyncio.sleep(0)

    assert sender.is_failing and flaky.taken == 1
    assert "a message is lost" in caplog.text and NUMBER not in caplog.text and "123456" not in caplog.text


async def test_so_many_messages_wait_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    started, hold = [], asyncio.Event()

    class Slow:
        async def send(self, number: str, text: str) -> None:
            started.append(text)
            await hold.wait()

    sender = Sender(Slow())
    for n in range(MOST_WAITING + 1):
        sender.post(NUMBER, str(n))
    await asyncio.sleep(0)

    assert len(started) == MOST_WAITING and "one more is dropped" in caplog.text
    hold.set()
    await sender.close()
