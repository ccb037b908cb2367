"""Starts sink and probe, each a process of its own, and collects what the probe saw.

Invariants: neither outlives its starter; both get what they need over a pipe or as an argument, and no file.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from filterd.box.errors import MissingPart
from filterd.commands.verifier.seen import Observation, ProbePlan
from filterd.commands.verifier.sink import SinkPlan

START_S: Final = 30.0
PROBE_S: Final = 300.0  # a thousand entries of which each answer is late


@contextlib.contextmanager
def standing_sink(plan: SinkPlan) -> Iterator[None]:
    """A sink that answers.   Raises MissingPart with what it said."""
    command = [*_python("filterd.commands.verifier.sink"), msgspec.json.encode(plan).decode()]
    sink = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment()
    )
    assert sink.stdout is not None and sink.stderr is not None
    try:
        if sink.stdout.readline() != b"ready\n":
            raise MissingPart(
                f"sink: {_last(sink.stderr.read())}; nothing asked; look at /verifier/sink and its addresses"
            )
        yield
    finally:
        sink.kill()
        sink.communicate()


def ask(plan: ProbePlan) -> dict[int, Observation]:
    """What the probe saw, by question.   Raises MissingPart with what it said."""
    try:
        done = subprocess.run(
            _python("filterd.commands.verifier.probe"),
            input=msgspec.json.encode(plan),
            capture_output=True,
            timeout=PROBE_S,
            env=_environment(),
            check=False,
        )
    except subprocess.TimeoutExpired as reason:
        raise MissingPart(
            f"probe: no answer in {PROBE_S:g} s; nothing judged; look at the path to the sink"
        ) from reason
    if done.returncode != 0:
        raise MissingPart(f"probe: {_last(done.stderr)}; nothing judged; look at /verifier/probe")
    found = (msgspec.json.decode(line, type=Observation) for line in done.stdout.splitlines())
    return {seen.at: seen for seen in found}


def _python(module: str) -> Sequence[str]:
    return [sys.executable, "-P", "-m", module]


def _environment() -> dict[str, str]:
    return {"PYTHONSAFEPATH": "1", "PATH": os.defpath, "PYTHONPATH": os.environ.get("PYTHONPATH", "")}


def _last(said: bytes) -> str:
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "ended without a word"
