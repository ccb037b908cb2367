#!/usr/bin/env python3
"""How many files and folders a request walks through: a tap, an order, a block record.

    bench/journeys.py        each journey: files, folders, and how often one function begins after one of another folder

A test plays each; what is counted is between the entry and the return of one function.  Run it in the root of a
checkout; the tests of an older one are found by their names.
"""

import functools
import importlib
import inspect
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

ROOT = Path.cwd()
PACKAGES = ("filterd", "mgmt", "parental", "rules", "dns", "fastpath")
TOOL = sys.monitoring.PROFILER_ID
HANDLER = "aiohttp.web_app:Application._handle"
ENTRY = "--journey="


class Journey(NamedTuple):
    """entry: the function, as `module:Class.method`;  test: its file's name, and a part of its own"""

    name: str
    entry: str
    file: str
    test: str


JOURNEYS = (
    Journey("a tap, web", HANDLER, "test_subscribers.py", "parent_pauses_the_own_child and gets_the_time"),
    Journey("a tap, control", "filterd.control.locks:Locks.policy_changed", "test_service.py", "has_the_keys"),
    Journey("an order, web", HANDLER, "test_orders.py", "a_pushed_order_is_answered_after"),
    Journey(
        "an order, control", "filterd.control.publisher:Publisher.names_changed", "test_service.py", "has_the_keys"
    ),
    Journey(
        "a block record", "filterd.audit.block_drain:BlockDrain.drain", "test_block_drain.py", "is_in_a_batch_and_not"
    ),
)


class Walk:
    """Which functions of the project begin, in order, as files."""

    def __init__(self) -> None:
        self.files: list[str] = []

    def note(self, code: CodeType, _offset: int) -> object:
        path = Path(code.co_filename)
        if not path.is_relative_to(ROOT) or path.relative_to(ROOT).parts[0] not in PACKAGES:
            return sys.monitoring.DISABLE
        self.files.append(f"{path.relative_to(ROOT)}")
        return None

    def __str__(self) -> str:
        folders = [each.rpartition("/")[0] for each in self.files]
        n_changes = sum(a != b for a, b in pairwise(folders))
        return f"{len(set(self.files))} files, {len(set(folders))} folders, {n_changes} changes of folder"


@contextmanager
def walked() -> Iterator[None]:
    walk = Walk()
    sys.monitoring.use_tool_id(TOOL, "journeys")
    sys.monitoring.register_callback(TOOL, sys.monitoring.events.PY_START, walk.note)
    sys.monitoring.set_events(TOOL, sys.monitoring.events.PY_START)
    try:
        yield
    finally:
        sys.monitoring.free_tool_id(TOOL)
        print(f"\nJOURNEY {walk}")


def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which says what each of its calls has walked through; calls inside of one belong to it."""

    @functools.wraps(function)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        if sys.monitoring.get_tool(TOOL):
            return await function(*args, **kwargs)
        with walked():
            return await function(*args, **kwargs)

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        with walked():
            return function(*args, **kwargs)

    return awaited if inspect.iscoroutinefunction(function) else called


def pytest_addoption(parser: Any) -> None:
    parser.addoption("--journey")


def pytest_configure(config: Any) -> None:
    module, _, name = config.getoption("--journey").partition(":")
    owner, _, method = name.rpartition(".")
    holder = getattr(importlib.import_module(module), owner)
    setattr(holder, method, wrapped(getattr(holder, method)))


def play(journey: Journey) -> str:
    """The longest walk that the tests of a journey play."""
    files = [f"{each}" for each in sorted(Path("tests").rglob(journey.file))]
    plugin = ["-p", "journeys", ENTRY + journey.entry]
    argv = [sys.executable, "-m", "pytest", "-q", "-s", *plugin, "-m", "not kernel", "-k", journey.test, *files]
    path = {"PYTHONPATH": f"{Path(__file__).parent}"}
    run = subprocess.run(argv, env=os.environ | path, capture_output=True, text=True, check=False)
    found = [line.removeprefix("JOURNEY ") for line in run.stdout.splitlines() if line.startswith("JOURNEY")]
    if not found:
        raise SystemExit(f"journeys: {journey.name}: no test played it:\n{run.stdout[-2000:]}")
    return max(found, key=lambda walk: int(walk.split()[0]))


if __name__ == "__main__":
    for journey in JOURNEYS:
        print(f"{journey.name:20} {play(journey)}")
