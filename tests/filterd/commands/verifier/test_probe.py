"""Probe and sink as processes, on the loopback."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.system.daemon import eventually
from support.system.ports import free_port

from filterd.commands.verifier.processes import ask, standing_sink
from filterd.commands.verifier.seen import Observation, ProbePlan
from filterd.commands.verifier.sink import SinkPlan

pytestmark = pytest.mark.services

HERE = "127.0.0.1"
CHANNELS = ("tls", "quic", "http")


def plan(tls: int, http: int, *names: str) -> ProbePlan:
    """Each name over each channel."""
    asked = [(channel, name) for name in names for channel in CHANNELS]
    questions = [(at, channel, 4, name, "/") for at, (channel, name) in enumerate(asked)]
    return ProbePlan("", {}, {}, {4: HERE}, {"tls": tls, "quic": tls, "http": http}, 2, questions)


def seen(said: ProbePlan, *channels: str) -> list[Observation]:
    """What the probe saw, question by question, of these channels or all.

    A server that has no core for so long is silent, and is asked again."""

    def observations() -> list[Observation]:
        found = [each for at, each in sorted(ask(said).items()) if said.questions[at][1] in (channels or CHANNELS)]
        return [] if any(each.kind == "silence" for each in found) else found

    return eventually(observations, "answers")


def kinds(said: ProbePlan) -> list[str]:
    return [each.kind for each in seen(said)]


def test_what_reaches_the_sink_is_said_to_arrive_octet_for_octet() -> None:
    tls, http = free_port(), free_port()
    with standing_sink(SinkPlan("", [HERE], [tls], [http])):
        assert kinds(plan(tls, http, "bad.example", f"{'a' * 63}.{'b' * 63}.example")) == ["arrived"] * 6


def test_where_nothing_answers_nothing_was_asked() -> None:
    assert kinds(plan(free_port(), free_port(), "bad.example")) == ["no_path", "prohibited", "no_path"]


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
        of_tls, of_http = seen(plan(reset, page, "bad.example"), "tls", "http")
        assert (of_tls.kind, of_http.kind, of_http.status) == ("reset", "page", 451)


def test_a_server_that_repeats_an_answer_of_the_sink_to_another_is_not_believed() -> None:
    with server(b"filterd-sink " + b"0" * 32 + b"\n") as liar:
        assert seen(plan(liar, liar, "bad.example"), "tls")[0].kind == "reset"
