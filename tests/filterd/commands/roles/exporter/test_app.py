import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from filterd.commands.roles.exporter import app
from filterd.commands.roles.exporter.app import create_metrics
from filterd.commands.roles.exporter.look import Look
from filterd.commands.roles.exporter.ready import Ready
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
    "failures": {},
    "siem": {},
    "notices": {},
    "unjudged": None,
    "roles": [],
}


class Box:
    """Is looked at, and counts how often."""

    def __init__(self) -> None:
        self.n = self.n_asked = 0
        self.unfit: dict[str, list[str]] = {"dns": [], "gate": []}
        self.beside: list[str] = []

    async def look(self) -> Look:
        self.n += 1
        await asyncio.sleep(0.01)
        return Look(
            at_s=1.0,
            control=CONTROL,
            workers=[],
            counters={},
            unfit=[],
            is_other_file=False,
            certificates={},
        )

    async def ready(self) -> Ready:
        self.n_asked += 1
        await asyncio.sleep(0.01)
        return Ready(self.unfit, self.beside)

    def served(self) -> TestServer:
        return TestServer(create_metrics(self.look, self.ready))


async def told(client: "TestClient[web.Request, web.Application]", path: str, **headers: str) -> tuple[int, str]:
    answer = await client.get(path, headers=headers)
    return answer.status, await answer.text()


async def test_ready_says_what_is_the_matter_and_live_only_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "FRESH_S", -1.0)
    box = Box()
    async with TestClient(box.served()) as client:
        assert await told(client, "/readyz") == (200, "ok\n")
        box.unfit["dns"] = ["dns: no upstream answers"]
        assert await told(client, "/readyz") == (503, "dns: no upstream answers\n")
        assert await told(client, "/livez") == (200, "ok\n")


async def test_dns_and_gate_are_asked_apart_and_a_role_that_is_not_there_is_not_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(app, "FRESH_S", -1.0)
    box = Box()
    box.unfit["gate"] = ["gate: no worker answers"]
    async with TestClient(box.served()) as client:
        assert await told(client, "/readyz/dns") == (200, "ok\n")
        assert await told(client, "/readyz/gate") == (503, "gate: no worker answers\n")
        assert (await told(client, "/readyz"))[0] == 503
        del box.unfit["gate"]
        assert (await told(client, "/readyz/gate"))[0] == 404
        assert (await told(client, "/readyz/web"))[0] == 404
        assert await told(client, "/readyz") == (200, "ok\n")


async def test_what_control_and_database_lack_is_said_and_makes_nothing_unready() -> None:
    box = Box()
    box.beside = ["control: database x: cannot be reached"]
    async with TestClient(box.served()) as client:
        assert await told(client, "/readyz") == (200, "ok\ncontrol: database x: cannot be reached\n")


async def test_many_who_ask_at_once_get_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "FRESH_S", 3600.0)  # they all come within it, however slow we are
    box = Box()
    async with TestClient(box.served()) as client:
        paths = ("/metrics", "/readyz", "/readyz/dns") * 20
        await asyncio.gather(*(told(client, path) for path in paths))

    assert box.n == box.n_asked == 1


async def test_a_collector_that_asks_for_open_metrics_gets_them() -> None:
    async with TestClient(Box().served()) as client:
        status, text = await told(client, "/metrics", Accept="application/openmetrics-text; version=1.0.0")

    assert status == 200
    assert "filterd_build" in {family.name.removesuffix("_info") for family in text_string_to_metric_families(text)}


async def test_nothing_can_be_sent_here_and_nothing_else_is_found() -> None:
    async with TestClient(Box().served()) as client:
        assert (await client.post("/metrics", data=b"x")).status == 405
        assert (await client.get("/v1/status")).status == 404
