"""A gate's memory: refused where it makes no sense, and given back whoever held it."""

import resource

import pytest
from support.packets.builders import Client, hello

from fastpath.tap.passive import Replay


def test_a_gate_without_flows_is_refused() -> None:
    with pytest.raises(MemoryError, match="no memory for 0 flows"):
        Replay(n_flows=0)


def test_memory_is_given_back_whatever_was_done_with_it() -> None:
    def use() -> None:
        replay = Replay(n_flows=1000)
        for port in range(1000):
            replay.feed(Client(sport=port).segment(0, hello(b"a.test", padding=9000)), 1)

    use()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(10):
        use()

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 20_000  # KiB; one use takes 10,000 and more
