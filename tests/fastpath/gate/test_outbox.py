"""Packets of our own: what one end asks the kernel to send, the other end gets."""

import socket
from pathlib import Path

import pytest
from support.gate.lab import Lab
from support.images.opened import Images
from support.packets.builders import Client, hello
from support.system.namespace import in_a_network_of_its_own

from fastpath.gate.outbox import open_raw
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Mode
from fastpath.wire.packet import checksums_fit, packet, tcp_onward

LOCAL = Client("127.0.0.1", "127.0.0.1"), Client("::1", "::1")


def test_a_full_outbox_takes_no_half_of_a_packet(tmp_path: Path, images: Images) -> None:
    lab = Lab(tmp_path, TableSet(images.names([("orders", "blocked.test", Mode.SUBTREE)])), n_flows=4000)
    with pytest.raises(BufferError, match="full"):
        for port in range(1024, 65000):
            lab.send(Client(sport=port), 0, hello(b"blocked.test"))

    injected = lab.gate.injected()
    assert len(injected) > 1000
    assert all(checksums_fit(each) for each in injected)
    assert lab.gate.injected() == []


@pytest.mark.kernel
@pytest.mark.parametrize("client", LOCAL, ids=["v4", "v6"])
def test_a_raw_socket_sends_a_packet_as_it_is(client: Client) -> None:
    family = socket.AF_INET6 if ":" in client.dst else socket.AF_INET
    ours = tcp_onward(client.segment(0, b""), 7, 8, 0x10, b"payload")

    async def send() -> None:
        with open_raw(family) as raw, socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_TCP) as seen:
            seen.settimeout(60)
            raw.sendto(ours, (client.dst, 0))
            got = seen.recv(1000)
        # IPv6 raw sockets give what follows the header
        assert got == ours if family == socket.AF_INET else got == ours[40:]

    in_a_network_of_its_own(send)


def test_a_packet_that_was_put_is_a_packet(tmp_path: Path, images: Images) -> None:
    lab = Lab(tmp_path, TableSet(images.names([("orders", "blocked.test", Mode.SUBTREE)])))
    lab.send(Client(), 0, hello(b"blocked.test"))

    [injected] = lab.gate.injected()
    reset = packet(injected)
    assert reset is not None and reset.dport == 443 and checksums_fit(injected)
