import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from filterd.metrics import app
from filterd.metrics.app import create_metrics
from filterd.metrics.look import Look
from filterd.process.codec import Message

CONTROL: Message = {
    "generations": {},
    "ages_s": {},
    "lists": [],
    "confirmed_s": {},
    "list_ages": {},
    "self_tests": {},
    "shadowed": {},
    "ways_around": {},
    "records_late_since_s": None,
    "faults": {},
    "connections_cut": 0,
    "splash_probes": 0,
    "siem": {},
    "notices": {},
    "unjudged": None,
    "roles": [],
}


class Box:
    """Is looked at, and counts how often."""

    def __init__(self) -> None:
        self.n = 0
        self.unfit: list[str] | None = []

    async def look(self) -> Look:
        self.n += 1
        await asyncio.sleep(0.01)
        return Look(
            at_s=1.0,
            control=None if self.unfit is None else CONTROL,
            workers=[],
            counters={},
            unfit=self.unfit,
            is_other_file=False,
            certificates={},
        )


async def told(client: "TestClient[web.Request, web.Application]", path: str, **headers: str) -> tuple[int, str]:
    answer = await client.get(path, headers=headers)
    return answer.status, await answer.text()


async def test_ready_says_what_is_the_matter_and_live_only_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "FRESH_S", -1.0)
    box = Box()
    async with TestClient(TestServer(create_metrics(box.look))) as client:
        assert await told(client, "/readyz") == (200, "ok\n")
        box.unfit = ["dns: no upstream answers"]
        assert await told(client, "/readyz") == (503, "dns: no upstream answers\n")
        assert await told(client, "/livez") == (200, "ok\n")


async def test_while_control_does_not_answer_ready_is_what_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "FRESH_S", -1.0)
    box = Box()
    box.unfit = None
    async with TestClient(TestServer(create_metrics(box.look))) as client:
        assert (await told(client, "/readyz"))[0] == 503  # nothing was ever known
        box.unfit = []
        assert (await told(client, "/readyz"))[0] == 200
        box.unfit = None
        assert await told(client, "/readyz") == (200, "ok\ncontrol does not answer: as it was when it last did\n")


async def test_many_who_ask_at_once_get_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "FRESH_S", 3600.0)  # they all come within it, however slow we are
    box = Box()
    async with TestClient(TestServer(create_metrics(box.look))) as client:
        await asyncio.gather(*(told(client, "/metrics") for _ in range(20)))

    assert box.n == 1


async def test_a_collector_that_asks_for_open_metrics_gets_them() -> None:
    async with TestClient(TestServer(create_metrics(Box().look))) as client:
        status, text = await told(client, "/metrics", Accept="application/openmetrics-text; version=1.0.0")

    assert status == 200
    assert "filterd_build" in {family.name.removesuffix("_info") for family in text_string_to_metric_families(text)}


async def test_nothing_can_be_sent_here_and_nothing_else_is_found() -> None:
    async with TestClient(TestServer(create_metrics(Box().look))) as client:
        assert (await client.post("/metrics", data=b"x")).status == 405
        assert (await client.get("/v1/status")).status == 404
