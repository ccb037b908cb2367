"""The workers of this box, as control sees them: sockets in the run directory.

Invariants: a worker that the configuration asks for and that is missing counts as one that has refused.  A worker
that does not answer delays no other; it is waited for TELL_TIMEOUT_S, and reads the manifest at its next start anyway.
"""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from msgspec import UNSET, Struct, UnsetType

from filterd.box.places import role_of, worker_socket, worker_sockets
from filterd.config import Config
from filterd.process.codec import FailureReply
from filterd.process.json_socket import NoAnswer, ask
from filterd.process.messages import ConfigDigest, Configure, InUse, Status, Use, WorkerStatus

TELL_TIMEOUT_S = 10.0  # opening and checking an image of 5 M names on a busy disk
CONFIGURE_TIMEOUT_S = 60.0  # another front is made, behind the loop that serves

T = TypeVar("T")


def workers_of(config: Config) -> list[str]:
    """The workers that this box must have: what is not in force in every one of them is not in force."""
    return [f"dns-{index}" for index in range(config.dns.workers)] + [
        f"gate-{index}" for index in range(config.gate.workers)
    ]


async def tell_all(run_dir: Path, expected: Iterable[str]) -> dict[str, str | None]:
    """Make every worker use what the manifest names: worker → None for an acknowledgement, else why not."""
    replies = await _ask_all(run_dir, Use(), InUse, expected)
    return {name: reply.reason if isinstance(reply, FailureReply) else None for name, reply in replies.items()}


async def configure_all(run_dir: Path, expected: Iterable[str], role: str | None = None) -> dict[str, str | None]:
    """Make every worker that runs take the accepted configuration: worker → None, else why it has not.

    One that does not run, or ends meanwhile, is left out: it reads the configuration when it starts.
    role   of these workers; None: of all"""
    known = {*worker_sockets(run_dir), *expected}
    names = sorted(name for name in known if role is None or role_of(name) == role)
    told = await asyncio.gather(*(_configured(run_dir, name) for name in names))
    return {name: why for name, why in zip(names, told, strict=True) if why is not UNSET}


async def _configured(run_dir: Path, name: str) -> str | UnsetType | None:
    """Why a worker has not taken the configuration; None: it has;  UNSET: it does not run, or has ended meanwhile."""
    try:
        reply = await ask(worker_socket(run_dir, name), role_of(name), Configure(), ConfigDigest, CONFIGURE_TIMEOUT_S)
    except NoAnswer as why:
        is_away = isinstance(why.__cause__, FileNotFoundError | ConnectionError)
        return UNSET if is_away else f"worker {name}: {why}"
    return reply.reason if isinstance(reply, FailureReply) else None


async def ask_status(run_dir: Path, expected: Iterable[str]) -> list[WorkerStatus]:
    """What every worker says of itself."""
    replies = await _ask_all(run_dir, Status(), WorkerStatus, expected)
    return [
        _silent(name, reply.reason) if isinstance(reply, FailureReply) else reply
        for name, reply in sorted(replies.items())
    ]


def _silent(name: str, why: str) -> WorkerStatus:
    """The status of a worker that gives none."""
    return WorkerStatus(ok=UNSET, name=name, generations={}, refused=why, counters={})


async def _ask_all(
    run_dir: Path, request: Struct, kind: type[T], expected: Iterable[str]
) -> dict[str, T | FailureReply]:
    names = sorted({*worker_sockets(run_dir), *expected})
    replies = await asyncio.gather(*(_ask(run_dir, name, request, kind) for name in names))
    return dict(zip(names, replies, strict=True))


async def _ask(run_dir: Path, name: str, request: Struct, kind: type[T]) -> T | FailureReply:
    try:
        return await ask(worker_socket(run_dir, name), role_of(name), request, kind, TELL_TIMEOUT_S)
    except NoAnswer as reason:
        return FailureReply(str(reason))
