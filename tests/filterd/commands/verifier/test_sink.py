"""The sink."""

import socket

import pytest
from support.system.ports import free_port

from filterd.commands.verifier.processes import standing_sink
from filterd.commands.verifier.sink import SinkPlan, token_of

HERE = "127.0.0.1"


def test_a_token_is_of_all_the_octets_and_shorter_than_any_hello() -> None:
    assert token_of(b"a") != token_of(b"b")
    assert len(token_of(b"a" * 2000)) == len(token_of(b"")) < 60


@pytest.mark.services
def test_it_answers_a_whole_hello_alone_and_no_datagram_with_a_longer_one() -> None:
    tls, http = free_port(), free_port()
    hello = b"\x16\x03\x01\x00\x03abc"
    with standing_sink(SinkPlan("", [HERE], [tls], [http])):
        with socket.create_connection((HERE, tls), timeout=30) as client:
            client.sendall(hello[:6])
            client.sendall(hello[6:])
            assert client.makefile("rb").read() == token_of(hello)
        with socket.create_connection((HERE, http), timeout=30) as client:
            client.sendall(b"GET / HTTP/1.1\r\n")
            client.shutdown(socket.SHUT_WR)
            assert client.makefile("rb").read() == b""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(30)
            client.connect((HERE, tls))
            client.send(b"short")
            client.send(b"x" * 1200)
            assert client.recv(2000) == token_of(b"x" * 1200)
