"""Honest QUIC through the gate: handshakes of another's client and server, at a port of QUIC's and elsewhere."""

from typing import Any

import pytest
from support.gate.lab import BLOCKED, DROPPED, PARTIAL, QUIC, Lab
from support.gate.quic_handshake import LONG_ALPN, handshake
from support.packets.builders import Client
from support.packets.initials import V1, V2

ELSEWHERE = Client(sport=50000, dport=8443)
LONG = tuple(LONG_ALPN)
KINDS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "a hello in two datagrams": {"alpn": LONG},
    "a Retry": {"retry": True},
    "a Retry, a hello in two datagrams": {"retry": True, "alpn": LONG},
    "version 2": {"first": V2, "client_versions": (V2,), "server_versions": (V2,)},
}
BOTH: dict[str, Any] = {"client_versions": (V2, V1), "server_versions": (V2, V1)}


@pytest.mark.parametrize("ends", [QUIC, ELSEWHERE, Client("2001:db8::1", "2001:db8:1::1")], ids=["443", "8443", "v6"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_handshake_for_an_allowed_name_completes_and_nothing_of_it_is_dropped(
    lab: Lab, closed_lab: Lab, kind: str, ends: Client
) -> None:
    for each in (lab, closed_lab):
        seen = handshake(each, ends, **KINDS[kind])

        assert seen.is_complete
        assert not {BLOCKED, DROPPED}.intersection(seen.states)
        assert seen.state == (PARTIAL if "alpn" in KINDS[kind] else 0)
        assert each.counted("gate_unreadable") == 0


@pytest.mark.parametrize("ends", [QUIC, ELSEWHERE], ids=["443", "8443"])
@pytest.mark.parametrize("alpn", [(), LONG], ids=["a small hello", "a hello in two datagrams"])
def test_a_server_may_go_on_in_another_version(lab: Lab, ends: Client, alpn: tuple[str, ...]) -> None:
    """RFC 9368 §2.3.  The last Initial is the client's acknowledgement in version 2; aioquic's protects it with keys of
    version 1, so that no server opens it either: it is the only one that is dropped."""
    seen = handshake(lab, ends, alpn=alpn, **BOTH)

    assert seen.is_complete
    assert not {BLOCKED, DROPPED}.intersection(seen.states[:-1])
    assert seen.states[-1] == DROPPED
    assert lab.counted("gate_unreadable") == 1


@pytest.mark.parametrize("ends", [QUIC, ELSEWHERE], ids=["443", "8443"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_handshake_for_a_listed_name_does_not(lab: Lab, kind: str, ends: Client) -> None:
    seen = handshake(lab, ends, name="www.blocked.test", **KINDS[kind])

    assert not seen.is_complete
    assert BLOCKED in seen.states
