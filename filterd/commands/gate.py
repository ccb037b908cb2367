"""`filterd gate`: run the packet gate only, on existing queues."""

import argparse
import asyncio
import tempfile
from pathlib import Path

from filterd.box.errors import MissingPart, WrongUse

EXAMPLE = "filterd gate --queue 0:1 --list pta.csv,tier=order"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--queue", required=True, metavar="N[:M]", help="NFQUEUE number, or first and last as 0:3")
    parser.add_argument(
        "--list",
        action="append",
        default=[],
        dest="lists",
        metavar="SOURCE",
        help="repeat for more, the highest precedence first",
    )
    parser.add_argument("--images", type=Path, metavar="DIR", help="use the images in DIR instead of lists")


def run(args: argparse.Namespace) -> int:
    from filterd.process.logs import start_logging

    first, _, last = args.queue.partition(":")
    if not (first.isdecimal() and (last or first).isdecimal() and int(first) <= int(last or first) < 65536):
        raise WrongUse(
            f"--queue {args.queue!r}: no queue number; not served; write a number, or the first and the last as 0:3"
        )
    start_logging("gate")
    try:
        return asyncio.run(_serve(args, range(int(first), int(last or first) + 1)))
    except* OSError as group:
        raise MissingPart(
            f"queue: {group.exceptions[0]}; not served; run as root, and check that no other process uses it"
        ) from group


async def _serve(args: argparse.Namespace, queues: range) -> int:
    from filterd.commands.roles.packet_gate.front import GateFront
    from filterd.config.schema import Gate
    from filterd.images.explain.open_tables import open_tables
    from filterd.process.lifecycle import stop_requested
    from filterd.process.worker import make_reporter

    with tempfile.TemporaryDirectory(prefix="filterd-gate-") as folder:
        place = Path(folder)
        tables = open_tables(args.lists, args.images, place)
        reporters = [make_reporter(place, place, f"gate-{queue}") for queue in queues]
        fronts = [
            GateFront(queue, Gate(), {}, reporter, place / f"gate-{queue}.unfinished")
            for queue, reporter in zip(queues, reporters, strict=True)
        ]
        stopping = stop_requested()
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(front.run()) for front in fronts]
            for front in fronts:
                await front.use(tables)
            await stopping.wait()
            for task in running:
                task.cancel()
    return 0
