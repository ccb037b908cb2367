"""Whoever forges a subscriber's packets brings that one no more octets than they cost, no record, and no count.

The gateway drops what does not come from the interface that leads to its source (rp_filter=1): the forger and its
victim are neighbours.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest
from support.gate import forgery
from support.gate.detour import detour
from support.gate.forgery import (
    OCTETS,
    REFUSED_OCTETS,
    VICTIM,
    behind_a_syn,
    counts,
    ends,
    forge,
    over_quic,
    udp,
    without_handshake,
)
from support.gate.program import Gate

from filterd.kernel.ruleset import Rules
from filterd.lab.processes import wait_until
from filterd.lab.servers import Internet
from filterd.lab.topology import Lab

pytestmark = pytest.mark.kernel

FAMILIES = pytest.mark.parametrize("family", VICTIM)
RULES = Rules(ports=(80, 443), http_ports=(80,), quic_ports=(443,), n_queues=1)
REFUSALS = {
    "a block of QUIC": replace(RULES, is_quic_rejected=True),
    "all of QUIC": replace(RULES, refused_udp=(443,)),
}


@pytest.fixture(scope="module")
def neighbours(lab: Lab, internet: Internet) -> Iterator[Lab]:
    del internet
    with forgery.neighbours(lab):
        yield lab


@pytest.fixture(params=["symmetric", "asymmetric"])
def gate(request: pytest.FixtureRequest, neighbours: Lab, tmp_path: Path) -> Iterator[Gate]:
    with detour(neighbours) if request.param == "asymmetric" else nullcontext():
        running = Gate(neighbours, tmp_path / "gate", "open", request.param)
        yield running
        running.stop()


@FAMILIES
@pytest.mark.parametrize("server_port", OCTETS)
def test_a_listed_name_without_a_handshake_brings_no_more_than_was_sent(
    gate: Gate, family: str, server_port: int
) -> None:
    before, judged = counts(gate), gate.counted("gate_packets")
    forged = without_handshake(gate.lab, family, server_port)

    sent, received = forge(gate.lab, family, forged)

    wait_until(lambda: gate.counted("gate_packets") >= judged + len(forged), "the judgement of all")
    assert gate.counted("gate_packets") == judged + len(forged)
    assert received <= sent
    assert counts(gate) == before


@FAMILIES
@pytest.mark.parametrize("server_port", OCTETS)
def test_a_forged_syn_and_guessed_acknowledgements_bring_no_more_than_was_sent(
    gate: Gate, family: str, server_port: int
) -> None:
    before = counts(gate)

    sent, received = forge(gate.lab, family, behind_a_syn(gate.lab, family, server_port))

    assert received <= sent
    assert counts(gate) == before


@FAMILIES
def test_a_listed_name_over_quic_brings_no_more_than_was_sent_and_is_recorded_of_nobody(
    gate: Gate, family: str
) -> None:
    before, unproven = counts(gate), gate.counted("gate_unproven")

    sent, received = forge(gate.lab, family, over_quic(gate.lab, family, 1))

    assert received <= sent
    wait_until(lambda: gate.counted("gate_unproven") > unproven, "the judgement of its name")
    assert gate.counted("gate_unproven") == unproven + 1
    assert counts(gate) == before


@FAMILIES
@pytest.mark.parametrize("octets", REFUSED_OCTETS, ids=lambda n: f"{n} octets")
@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_a_datagram_that_is_refused_brings_no_more_than_was_sent(
    neighbours: Lab, tmp_path: Path, family: str, octets: int, refusal: Rules
) -> None:
    gate = Gate(neighbours, tmp_path / "gate")
    try:
        gate.kernel(lambda kernel: kernel.apply(refusal))

        sent, received = forge(neighbours, family, over_quic(neighbours, family, octets))

        assert received <= sent
    finally:
        gate.stop()


@FAMILIES
def test_a_locked_neighbour_s_forged_datagrams_bring_no_more_than_was_sent(
    neighbours: Lab, tmp_path: Path, family: str
) -> None:
    gate = Gate(neighbours, tmp_path / "gate")
    try:
        gate.kernel(lambda kernel: kernel.set_locked([ip_network(VICTIM[family])]))

        sent, received = forge(
            neighbours, family, [udp(ends(neighbours, family, 44000 + n, 9999), b"x") for n in range(5)]
        )

        assert received <= sent
    finally:
        gate.stop()
