"""Probe and sink as processes, on the loopback."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.system.daemon import eventually
from support.system.ports import free_port

from filterd.verifier.processes import ask, standing_sink
from filterd.verifier.seen import ProbePlan
from filterd.verifier.sink import SinkPlan

pytestmark = pytest.mark.services

HERE = "127.0.0.1"
CHANNELS = ("tls", "quic", "http")


def plan(tls: int, http: int, *names: str) -> ProbePlan:
    """Each name over each channel."""
    asked = [(channel, name) for name in names for channel in CHANNELS]
    questions = [(at, channel, 4, name, "/") for at, (channel, name) in enumerate(asked)]
    return ProbePlan("", {}, {}, {4: HERE}, {"tls": tls, "quic": tls, "http": http}, 2, questions)


def seen(said: ProbePlan) -> list[str]:
    return [each.kind for _, each in sorted(ask(said).items())]


def test_what_reaches_the_sink_is_said_to_arrive_octet_for_octet() -> None:
    tls, http = free_port(), free_port()
    with standing_sink(SinkPlan("", [HERE], [tls], [http])):
        asked = plan(tls, http, "bad.example", f"{'a' * 63}.{'b' * 63}.example")
        # A sink that has no core for so long is silent, and is asked again.
        found = eventually(lambda: kinds if "silence" not in (kinds := seen(asked)) else None, "the sink")
        assert found == ["arrived"] * 6


def test_where_nothing_answers_nothing_was_asked() -> None:
    assert seen(plan(free_port(), free_port(), "bad.example")) == ["no_path", "prohibited", "no_path"]


@contextmanager
def server(answer: bytes) -> Iterator[int]:
    """Reads something, answers this and ends; without an answer it resets."""
    with socket.create_server((HERE, 0)) as own:

        def serve() -> None:
            while True:
                try:
                    client, _ = own.accept()
                except OSError:
                    return
                client.recv(65535)
                if answer:
                    client.sendall(answer)
                else:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                client.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield own.getsockname()[1]
        own.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_a_reset_and_a_page_are_told_apart_from_the_sinks_answer() -> None:
    with server(b"") as reset, server(b"HTTP/1.1 451 Unavailable\r\n\r\n") as page:
        found = ask(plan(reset, page, "bad.example"))
        assert (found[0].kind, found[2].kind, found[2].status) == ("reset", "page", 451)


def test_a_server_that_repeats_an_answer_of_the_sink_to_another_is_not_believed() -> None:
    with server(b"filterd-sink " + b"0" * 32 + b"\n") as liar:
        assert ask(plan(liar, liar, "bad.example"))[0].kind == "reset"
