"""`filterd dns`: the DNS front alone, without a configuration file."""

import argparse
import asyncio
import contextlib
import ipaddress
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from filterd.errors import WrongUse

if TYPE_CHECKING:
    from dns.upstreams import Endpoint

EXAMPLE = "filterd dns --listen 127.0.0.1:5353 --upstream 192.0.2.53:53 --list adult.txt,category=adult"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--listen", action="append", required=True, metavar="ADDR:PORT", help="again for more")
    parser.add_argument(
        "--upstream", action="append", required=True, metavar="ADDR:PORT", help="again for more; the first that answers"
    )
    parser.add_argument(
        "--list", action="append", default=[], dest="lists", metavar="SOURCE", help="again for more, first named first"
    )
    parser.add_argument("--images", type=Path, metavar="DIR", help="the images of DIR instead of lists")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="loops on the same endpoints; default 1")
    parser.add_argument(
        "--splash4", metavar="ADDR", help="where the splash page is; without one, splash is answered NXDOMAIN"
    )
    parser.add_argument("--splash6", metavar="ADDR")


def run(args: argparse.Namespace) -> int:
    from dns.upstreams import parse_endpoint
    from filterd.logs import start_logging

    start_logging("dns")
    try:
        listen = [parse_endpoint(text) for text in args.listen]
        upstreams = [parse_endpoint(text) for text in args.upstream]
    except ValueError as reason:
        raise WrongUse(str(reason)) from reason
    if not 1 <= args.workers <= 128:
        raise WrongUse(f"--workers {args.workers}: write 1 to 128")
    return asyncio.run(_serve(args, listen, upstreams))


async def _serve(args: argparse.Namespace, listen: list["Endpoint"], upstreams: list["Endpoint"]) -> int:
    from dns.answers import AnswerPolicy, Splash
    from dns.front import serve
    from filterd.commands.lookup import open_tables
    from filterd.life import stop_requested

    try:
        splash = Splash(
            ipaddress.IPv4Address(args.splash4) if args.splash4 else None,
            ipaddress.IPv6Address(args.splash6) if args.splash6 else None,
        )
    except ValueError as reason:
        raise WrongUse(f"splash: {reason}") from reason
    with tempfile.TemporaryDirectory(prefix="filterd-dns-") as folder:
        tables = open_tables(args.lists, args.images, Path(folder))
        serving = asyncio.ensure_future(
            serve(listen, upstreams, tables, AnswerPolicy(splash), args.workers, Path(folder))
        )
        stopping = asyncio.ensure_future(stop_requested().wait())
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        serving.cancel()
        stopping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
    return 0
