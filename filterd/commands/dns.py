"""`filterd dns`: run the DNS front only, without a configuration file."""

import argparse
import asyncio
import contextlib
import ipaddress
import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from filterd.box.errors import MissingPart, WrongUse

if TYPE_CHECKING:
    from dns.base.endpoints import Endpoint, Upstream
    from dns.front.answers import AnswerPolicy, Splash
    from dns.front.resolver_plan import ResolverPlan

EXAMPLE = "filterd dns --listen 127.0.0.1:5353 --upstream 192.0.2.53:53 --list adult.txt,category=adult"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--listen", action="append", required=True, metavar="ADDR:PORT", help="repeat for more")
    parser.add_argument(
        "--upstream",
        action="append",
        required=True,
        metavar="ADDR:PORT",
        help="repeat for more, in order of preference; tls://ADDR:PORT#NAME for TLS",
    )
    parser.add_argument(
        "--upstream-ca",
        type=Path,
        metavar="FILE",
        help="trusted certificates for upstreams over TLS; default: the system's",
    )
    parser.add_argument(
        "--list",
        action="append",
        default=[],
        dest="lists",
        metavar="SOURCE",
        help="repeat for more, the highest precedence first",
    )
    parser.add_argument("--images", type=Path, metavar="DIR", help="use the images in DIR instead of lists")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="workers on the same endpoints; default: 1")
    parser.add_argument(
        "--cache", default="64MiB", metavar="SIZE", help="cache memory of each worker; 0: no cache; default: 64MiB"
    )
    parser.add_argument(
        "--splash4",
        metavar="ADDR",
        help="address of the splash page; without it, the action splash is answered NXDOMAIN",
    )
    parser.add_argument("--splash6", metavar="ADDR")


def run(args: argparse.Namespace) -> int:
    from dns.base.endpoints import parse_endpoint, parse_upstream
    from dns.base.errors import BadCertificate, UpstreamIsOurselves
    from dns.front.answers import AnswerPolicy
    from filterd.process.logs import start_logging

    try:
        listen = [parse_endpoint(text) for text in args.listen]
        upstreams = [parse_upstream(text) for text in args.upstream]
        answers = AnswerPolicy(_splash(args.splash4, args.splash6))
        resolver = _resolver(args.cache, args.upstream_ca)
    except ValueError as reason:
        raise WrongUse(str(reason)) from reason
    if not 1 <= args.workers <= 128:
        raise WrongUse(f"--workers {args.workers}: out of range; not served; write 1 to 128")
    start_logging("dns")
    try:
        return asyncio.run(_serve(args, listen, upstreams, answers, resolver))
    except (BadCertificate, UpstreamIsOurselves) as reason:
        raise WrongUse(str(reason)) from reason
    except OSError as reason:
        why = getattr(reason, "__notes__", ["look at the addresses"])[0]
        raise MissingPart(f"dns: {reason.strerror}; not served; {why}") from reason


async def _serve(
    args: argparse.Namespace,
    listen: list["Endpoint"],
    upstreams: list["Upstream"],
    answers: "AnswerPolicy",
    resolver: "ResolverPlan",
) -> int:
    from dns.front.front import serve
    from filterd.images.explain.open_tables import open_tables
    from filterd.process.lifecycle import stop_requested

    with tempfile.TemporaryDirectory(prefix="filterd-dns-") as folder:
        tables = open_tables(args.lists, args.images, Path(folder))
        work = serve(listen, upstreams, tables, answers, args.workers, Path(folder), resolver)
        # Held here and not in a TaskGroup: what ends the front is raised as it is.
        serving = asyncio.ensure_future(work)  # noqa: TID251
        stopping = asyncio.ensure_future(stop_requested().wait())  # noqa: TID251
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        serving.cancel()
        stopping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
    return 0


def _splash(v4: str | None, v6: str | None) -> "Splash":
    from dns.front.answers import Splash

    try:
        return Splash(ipaddress.IPv4Address(v4) if v4 else None, ipaddress.IPv6Address(v6) if v6 else None)
    except ValueError as reason:
        raise WrongUse(
            f"--splash4, --splash6: {reason}; not served; write an IPv4 address for the one, IPv6 for the other"
        ) from reason


def _resolver(cache: str, upstream_ca: Path | None) -> "ResolverPlan":
    """The resolver's settings.   Raises ValueError for a cache that is not a size."""
    from dns.front.resolver_plan import ResolverPlan
    from dns.front.special_names import special_names
    from filterd.config import kinds

    if upstream_ca is not None and not upstream_ca.is_file():
        raise ValueError(f"--upstream-ca {upstream_ca}: no such file; not served; write a file of PEM certificates")

    return ResolverPlan(
        kinds.cache(cache),
        cookie_master=secrets.token_bytes(16),
        specials=special_names(),
        upstream_ca=upstream_ca,
    )
