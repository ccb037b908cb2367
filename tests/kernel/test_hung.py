"""A worker that hangs, under the whole of filterd: it is ended and started again by nobody else."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.gate.program import whole_filterd

from filterd.lab.clients import CurlResponse, dig, fetch
from filterd.lab.gateway import Gateway
from filterd.lab.processes import wait_until
from filterd.lab.servers import Internet
from filterd.lab.topology import Lab

pytestmark = pytest.mark.kernel

PATIENCE_S = 120.0  # of a busy machine
CENSORED = 16  # RFC 8914


@pytest.fixture
def gateway(lab: Lab, internet: Internet, tmp_path: Path) -> Iterator[Gateway]:
    with whole_filterd(lab, tmp_path, 1) as running:
        yield running


@pytest.fixture
def closed_gateway(lab: Lab, internet: Internet, tmp_path: Path) -> Iterator[Gateway]:
    with whole_filterd(lab, tmp_path, 1, when_dead="closed", when_undecidable="closed") as running:
        yield running


def asked(lab: Lab, name: str) -> CurlResponse:
    return fetch(lab, "child", f"https://{name}/", lab.addresses.web4, ["-k", "--max-time", "3"])


def is_reset(lab: Lab) -> bool:
    return asked(lab, "blocked.test").was_reset


def is_served(lab: Lab) -> bool:
    return asked(lab, "allowed.test").code == 200


def is_censored(lab: Lab) -> bool:
    return CENSORED in dig(lab, "child", "blocked.test").ede


def stop(gateway: Gateway, role: str) -> None:
    """Let a role stand still; returns when another process has its place."""
    pid = gateway.pids()[role]
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: gateway.pids().get(role, pid) != pid, f"another process of {role}", PATIENCE_S)


def test_a_gate_that_hangs_is_replaced_and_filters_again(gateway: Gateway, lab: Lab) -> None:
    wait_until(lambda: is_reset(lab), "the gate", PATIENCE_S)

    stop(gateway, "gate-0")

    wait_until(lambda: is_reset(lab), "the gate again", PATIENCE_S)


def test_a_resolver_that_hangs_is_replaced_and_filters_again(gateway: Gateway, lab: Lab) -> None:
    wait_until(lambda: is_censored(lab), "the resolver", PATIENCE_S)

    stop(gateway, "dns-0")

    wait_until(lambda: is_censored(lab), "the resolver again", PATIENCE_S)


def test_nothing_is_let_go_while_control_is_dead_and_a_gate_that_dies_then_is_back_without_it(
    closed_gateway: Gateway, lab: Lab
) -> None:
    wait_until(lambda: is_reset(lab) and is_served(lab), "the gate", PATIENCE_S)
    control, gate = (closed_gateway.pids()[role] for role in ("control-0", "gate-0"))
    codes = set()

    def is_judged() -> bool:
        codes.add(asked(lab, "blocked.test").code)
        return is_served(lab)

    os.kill(control, signal.SIGSTOP)
    wait_until(lambda: is_judged() and is_reset(lab), "the gate without control", PATIENCE_S)
    closed_gateway.kill("gate-0")

    wait_until(is_judged, "the gate again", PATIENCE_S)
    assert is_reset(lab) and codes == {0}
    assert closed_gateway.pids()["gate-0"] != gate
