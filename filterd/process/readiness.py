"""Whether the data plane can serve its clients: the words of `filterd status`, /readyz and the metrics.

A worker whose loop turns gives its counters file the time of now, each second: who may read counters, and not ask a
worker, sees so that it lives (filterd.process.worker writes it, filterd.commands.roles.exporter.ready reads it).

Invariants: it looks at what workers say of themselves alone, so that it holds without control.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from filterd.box.places import role_of

BEAT_S = 1.0  # between two times that a worker gives its counters file
LIVES_S = 5.0  # after the last one, on a machine that is busy

Worker = Mapping[str, Any]  # a WorkerStatus, as JSON has it


def unfit(workers: Sequence[Worker]) -> list[str]:
    """Why the data plane cannot serve, a sentence each; empty: it can.

    workers  all that this box must have, those too that do not answer"""
    said = []
    for role in sorted({role_of(worker["name"]) for worker in workers}):
        alive = [worker for worker in workers if role_of(worker["name"]) == role and answers(worker)]
        if not alive:
            said.append(silent(role))
        elif (cut_off := without_upstreams(alive)) is not None:
            said.append(cut_off)
    return said


def silent(role: str) -> str:
    """What is said where no worker of a role answers."""
    return f"{role}: no worker answers; {_WITHOUT[role]}; see filterd status and the journal"


def without_upstreams(workers: Sequence[Worker]) -> str | None:
    """What is said where all of these workers have upstreams, and none answers; None: there is nothing to say."""
    if not workers or not all(map(is_cut_off, workers)):
        return None
    away = ", ".join(sorted({each for worker in workers for each in worker["upstreams"]}))
    return (
        f"dns: no upstream answers ({away}); blocked names and what is cached are answered, all else SERVFAIL; "
        "check the upstreams and the route to them"
    )


def answers(worker: Worker) -> bool:
    """Whether a worker has reported its status itself."""
    return "pid" in worker


def is_cut_off(worker: Worker) -> bool:
    """Whether a worker has upstreams, and none of them answers it."""
    upstreams = worker.get("upstreams") or {}
    return bool(upstreams) and not any(upstreams.values())


_WITHOUT = {"dns": "clients get no answers", "gate": "gate.when_dead decides about new connections"}
