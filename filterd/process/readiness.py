"""Whether the data plane can serve its clients: the one answer of `filterd status`, /readyz and the metrics.

Invariants: it looks at what workers say of themselves alone, so that it holds without control.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from filterd.places import role_of

Worker = Mapping[str, Any]  # a WorkerStatus, as JSON has it


def unfit(workers: Sequence[Worker]) -> list[str]:
    """Why the data plane cannot serve, a sentence each; empty: it can.

    workers  all that this box must have, those too that do not answer"""
    said = []
    for role in sorted({role_of(worker["name"]) for worker in workers}):
        alive = [worker for worker in workers if role_of(worker["name"]) == role and answers(worker)]
        if not alive:
            said.append(f"{role}: no worker answers; {_WITHOUT[role]}; see filterd status and the journal")
        elif all(map(is_cut_off, alive)):
            away = ", ".join(sorted({each for worker in alive for each in worker["upstreams"]}))
            said.append(
                f"dns: no upstream answers ({away}); blocked names and what is cached are answered, all else SERVFAIL; "
                "check the upstreams and the route to them"
            )
    return said


def answers(worker: Worker) -> bool:
    """Whether a worker has told its status itself."""
    return "pid" in worker


def is_cut_off(worker: Worker) -> bool:
    """Whether a worker has upstreams, and none of them answers it."""
    upstreams = worker.get("upstreams") or {}
    return bool(upstreams) and not any(upstreams.values())


_WITHOUT = {"dns": "clients get no answers", "gate": "gate.when_dead decides about new connections"}
