"""Tests of all laboratories run at once, but one marked `alone`, which changes what the kernel has but one of."""

import contextlib
import fcntl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def side_by_side(item: pytest.Item) -> Iterator[None]:
    """Wait until a test of `make kernel` may run; no other one begins before it is over, if it is marked `alone`."""
    if item.get_closest_marker("kernel") is None:
        yield
        return
    kind = fcntl.LOCK_SH if item.get_closest_marker("alone") is None else fcntl.LOCK_EX
    folder = Path(tempfile.gettempdir())
    with (folder / "filterd-tests-next").open("a") as first, (folder / "filterd-tests-run").open("a") as then:
        fcntl.flock(first, fcntl.LOCK_EX)  # or no test would ever be alone: others would begin while it waits
        fcntl.flock(then, kind)
        fcntl.flock(first, fcntl.LOCK_UN)
        yield
