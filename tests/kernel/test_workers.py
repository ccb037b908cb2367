"""Two gate workers, under the whole of filterd: each judges its share, and neither lets anything pass."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.gate.program import whole_filterd

from filterd.lab.clients import fetch
from filterd.lab.gateway import Gateway
from filterd.lab.processes import wait_until
from filterd.lab.servers import Internet
from filterd.lab.topology import Lab

pytestmark = pytest.mark.kernel

START_S = 60.0
N_CLIENTS = 24  # that all of them fall to one worker happens once in eight million runs
CLIENTS = [f"2001:db8:1::{number:x}" for number in range(0x100, 0x100 + N_CLIENTS)]


@pytest.fixture
def clients(lab: Lab) -> Iterator[None]:
    """Many addresses of the child."""
    for address in CLIENTS:
        lab.run("child", ["ip", "addr", "add", f"{address}/64", "dev", "gateway", "nodad"])
    yield
    for address in CLIENTS:
        lab.run("child", ["ip", "addr", "del", f"{address}/64", "dev", "gateway"])


@pytest.fixture
def gateway(lab: Lab, internet: Internet, tmp_path: Path) -> Iterator[Gateway]:
    with whole_filterd(lab, tmp_path, 2) as running:
        yield running


def is_reset(lab: Lab, client: str) -> bool:
    return fetch(lab, "child", "https://blocked.test/", lab.addresses.web6, ["-k", "--interface", client]).was_reset


def hellos(gateway: Gateway, worker: str) -> int:
    found: int = gateway.ask_worker(worker, {"op": "status"})["counters"].get("gate_hellos", 0)
    return found


def test_each_judges_the_clients_that_fall_to_it(gateway: Gateway, lab: Lab, clients: None) -> None:
    wait_until(lambda: is_reset(lab, CLIENTS[0]), "the gate", START_S)
    wait_until(lambda: all(is_reset(lab, client) for client in CLIENTS), "both workers", START_S)
    before = {worker: hellos(gateway, worker) for worker in ("gate-0", "gate-1")}

    for client in CLIENTS:
        assert is_reset(lab, client)
        options = ["-k", "--interface", client]
        assert fetch(lab, "child", "https://allowed.test/", lab.addresses.web6, options).code == 200

    shares = [hellos(gateway, worker) - before[worker] for worker in before]
    assert sum(shares) == 2 * N_CLIENTS
    assert min(shares) > 0
    assert all(share % 2 == 0 for share in shares), "one client always comes to the same worker"


def test_a_worker_that_has_died_is_back_with_its_share_and_the_other_has_never_gone(
    gateway: Gateway, lab: Lab, clients: None
) -> None:
    wait_until(lambda: is_reset(lab, CLIENTS[0]), "the gate", START_S)
    wait_until(lambda: all(is_reset(lab, client) for client in CLIENTS), "both workers", START_S)

    alive = gateway.pids()["gate-0"]
    gateway.kill("gate-1")

    wait_until(lambda: all(is_reset(lab, client) for client in CLIENTS), "both workers again", START_S)
    assert gateway.pids()["gate-0"] == alive
