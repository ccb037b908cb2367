"""Sockets to upstreams: new ports all the time, and what becomes of the old ones."""

import gc
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.dns.loop_bench import says_nothing, with_address
from support.dns.streamed_bench import Streamed
from support.images.opened import Images


@pytest.fixture
def bench(images: Images, stack: ExitStack) -> Streamed:
    return Streamed(images, stack, cache_octets=0)


def n_watched() -> int:
    """Descriptors that epolls of this process watch."""
    texts = [each.read_text() for each in Path("/proc/self/fdinfo").iterdir() if each.exists()]
    return sum(line.startswith("tfd:") for text in texts for line in text.splitlines())


def test_queries_leave_by_new_ports_all_the_time_and_late_answers_still_arrive(bench: Streamed) -> None:
    bench.ask("first.test")
    first, first_sender = bench.forwarded()
    ports = {first_sender[1]}
    for number in range(3):  # two sockets send at a time, six more receive
        for _ in range(2):
            bench.loop.rotate()
            bench.turn(0)
        bench.ask(f"n{number}.test")
        ports.add(bench.forwarded()[1][1])

    assert len(ports) == 4
    bench.reply(with_address(first), first_sender)
    assert str(bench.answer().q.qname) == "first.test."


def test_a_socket_that_has_received_for_long_is_closed(bench: Streamed) -> None:
    bench.ask("first.test")
    asked, sender = bench.forwarded()
    for _ in range(12):
        bench.loop.rotate()
        bench.turn(0)
        bench.turn(0)

    bench.reply(with_address(asked), sender)
    assert says_nothing(bench.clients[0])


def test_a_socket_that_has_received_for_long_wakes_nobody_before_it_is_closed(bench: Streamed) -> None:
    gc.collect()  # what an earlier test has left is closed now, or not at all
    for _ in range(8):
        bench.loop.rotate()
    every_place = n_watched()
    n_open = len(list(Path("/proc/self/fd").iterdir()))

    bench.loop.rotate()

    assert n_watched() == every_place
    assert len(list(Path("/proc/self/fd").iterdir())) == n_open + 1, "the loop has not turned since"
