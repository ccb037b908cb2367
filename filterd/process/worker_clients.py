"""The workers of this box, as control sees them: sockets in the run directory.

Invariants: a worker that the configuration asks for and that is not there is told as one that has refused.  A worker
that does not answer delays nobody but itself, by TELL_TIMEOUT_S; it reads the manifest at its next start anyway.
"""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from filterd.config import Config
from filterd.process.json_socket import Message, NoAnswer, ask

TELL_TIMEOUT_S = 10.0  # opening and checking an image of 5 M names on a busy disk


def workers_of(config: Config) -> list[str]:
    """The workers that this box must have: what is not in force in every one of them is not in force."""
    return [f"dns-{index}" for index in range(config.dns.workers)] + [
        f"gate-{index}" for index in range(config.gate.workers)
    ]


async def tell_all(run_dir: Path, manifest: Path, expected: Iterable[str]) -> dict[str, str | None]:
    """Make every worker use what `manifest` names: worker → None for an acknowledgement, else why not."""
    replies = await _ask_all(run_dir, {"op": "use", "manifest": str(manifest)}, expected)
    return {
        name: None if reply.get("ok") else str(reply.get("refused") or reply.get("error"))
        for name, reply in replies.items()
    }


async def ask_status(run_dir: Path, expected: Iterable[str]) -> list[Message]:
    """What every worker says of itself."""
    replies = await _ask_all(run_dir, {"op": "status"}, expected)
    return [
        reply if reply.get("ok") else {"name": name, "refused": reply.get("error"), "counters": {}, "generations": {}}
        for name, reply in sorted(replies.items())
    ]


async def _ask_all(run_dir: Path, request: Message, expected: Iterable[str]) -> dict[str, Message]:
    paths = sorted({*run_dir.glob("worker-*.sock"), *(run_dir / f"worker-{name}.sock" for name in expected)})
    replies = await asyncio.gather(*(_ask(path, request) for path in paths))
    return {path.stem.removeprefix("worker-"): reply for path, reply in zip(paths, replies, strict=True)}


async def _ask(path: Path, request: Message) -> Message:
    try:
        return await ask(path, request, TELL_TIMEOUT_S)
    except NoAnswer as reason:
        return {"ok": False, "error": str(reason)}
