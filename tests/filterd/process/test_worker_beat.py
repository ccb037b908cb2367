"""The beat of a worker: the time of its counters file, while its loop turns."""

import asyncio
import os
from pathlib import Path

import pytest

from filterd.process import worker as worker_module
from filterd.process.worker import Worker


class Front:
    """A loop that turns some times, or hangs, and ends."""

    def __init__(self, by: int) -> None:
        self.n_turns, self._by = 0, by

    async def run(self) -> None:
        for _ in range(20):
            self.n_turns += self._by
            await asyncio.sleep(0.01)
        raise RuntimeError("over")


@pytest.mark.parametrize(("by", "is_alive"), [(1, True), (0, False)])
def test_a_loop_that_turns_gives_its_counters_file_the_time_and_one_that_hangs_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: int, is_alive: bool
) -> None:
    monkeypatch.setattr(worker_module, "BEAT_S", 0.01)
    counters = tmp_path / "run/counters-dns/dns-0"
    counters.parent.mkdir(parents=True)
    counters.touch()
    os.utime(counters, (7.0, 7.0))

    with pytest.raises(RuntimeError, match="over"):
        asyncio.run(Worker("dns-0", tmp_path, tmp_path / "run", Front(by)).run())  # type: ignore[arg-type]  # no more is asked of it

    assert (counters.stat().st_mtime > 7.0) is is_alive
