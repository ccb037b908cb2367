"""The whole front before real resolvers that speak DNS over TLS, asked by kdig and dnsperf."""

import asyncio
import re
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.dns import dot_servers as dotservers
from support.dns.front import Serving
from support.images.opened import Images
from support.system.ports import free_port

from dns.base.endpoints import Endpoint, TlsEndpoint
from dns.front.front import DnsFront
from dns.front.resolver_plan import ResolverPlan
from fastpath.images.verdict import Mode
from fastpath.report.counters import read_counters

Program = Callable[[str], str]

pytestmark = pytest.mark.services


@pytest.fixture
def trusting(certificate: tuple[Path, Path]) -> ResolverPlan:
    return ResolverPlan(upstream_ca=certificate[0])


@pytest.fixture
def dot(stack: ExitStack, tmp_path: Path, certificate: tuple[Path, Path]) -> TlsEndpoint:
    """An unbound over TLS."""
    port = free_port()
    stack.enter_context(dotservers.unbound(tmp_path, port, certificate))
    return TlsEndpoint("127.0.0.1", port, "dns.test")


async def told(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(60):
        out, _ = await process.communicate()
    return out.decode()


async def kdig(program: Program, front: DnsFront, *question: str) -> str:
    at = (f"@{front.bound[0].host}", "-p", str(front.bound[0].port))
    return await told(program("kdig"), *at, "+timeout=20", "+retry=0", *question)


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
async def test_an_upstream_over_tls_answers_what_is_not_blocked(
    serving: Serving, dot: TlsEndpoint, trusting: ResolverPlan, program: Program, transport: str, images: Images
) -> None:
    async with serving((("orders", "n.test", Mode.SUBTREE),), (dot,), resolver=trusting) as front:
        free = await kdig(program, front, transport, "+short", "www.free.test")
        blocked = await kdig(program, front, transport, "+short", "www.n.test")
        absent = await kdig(program, front, transport, "absent.test")

    assert (free.strip(), blocked.strip()) == ("198.51.100.10", "192.0.2.80")
    assert "status: NXDOMAIN" in absent
    counted = read_counters(images.folder / ("c-tcp" if transport == "+tcp" else "c-udp"))
    assert (counted["dns_forwarded"], counted["dns_answered"], counted["dns_blocked"]) == (2, 2, 1)


async def test_an_answer_that_is_too_long_for_udp_comes_over_tcp(
    serving: Serving, dot: TlsEndpoint, trusting: ResolverPlan, program: Program
) -> None:
    async with serving((), (dot,), resolver=trusting) as front:
        cut = await kdig(program, front, "+notcp", "+ignore", "big.test", "TXT")
        whole = await kdig(program, front, "big.test", "TXT")

    assert re.search(r"Flags: qr .*\btc\b", cut) and "xxx" not in cut
    assert whole.count("x" * 250) == 12


async def test_behind_dnsdist_and_knot_resolver_it_is_the_same(
    serving: Serving,
    unbound: Endpoint,
    trusting: ResolverPlan,
    program: Program,
    certificate: tuple[Path, Path],
    tmp_path: Path,
    stack: ExitStack,
) -> None:
    ports = free_port(), free_port()
    for folder in ("dnsdist", "kresd"):
        (tmp_path / folder).mkdir()
    stack.enter_context(dotservers.dnsdist(tmp_path / "dnsdist", ports[0], free_port(), unbound.port, certificate))
    stack.enter_context(dotservers.kresd(tmp_path / "kresd", ports[1], unbound.port, certificate))

    for port in ports:
        async with serving((), (TlsEndpoint("127.0.0.1", port, "dns.test"),), resolver=trusting) as front:
            said = [await kdig(program, front, each, "+short", "www.free.test") for each in ("+notcp", "+tcp")]
        assert [each.strip() for each in said] == ["198.51.100.10"] * 2


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
async def test_an_upstream_with_another_name_is_not_asked_and_no_query_leaves_in_the_clear(
    serving: Serving, dot: TlsEndpoint, trusting: ResolverPlan, program: Program, transport: str, stack: ExitStack
) -> None:
    udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    udp.bind(("127.0.0.1", dot.port))
    udp.setblocking(False)
    wrong = dot._replace(name="other.test")
    async with serving((), (wrong,), resolver=trusting) as front:
        said = await kdig(program, front, transport, "www.free.test")

    assert "status: SERVFAIL" in said
    with pytest.raises(BlockingIOError):
        udp.recv(4096)


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
async def test_another_upstream_is_asked_instead_of_one_that_is_not_trusted(
    serving: Serving, dot: TlsEndpoint, trusting: ResolverPlan, unbound: Endpoint, program: Program, transport: str
) -> None:
    async with serving((), (dot._replace(name="other.test"), unbound), resolver=trusting) as front:
        said = [await kdig(program, front, transport, "+short", "www.free.test") for _ in range(3)]

    assert [each.strip() for each in said] == ["198.51.100.10"] * 3


async def test_no_query_is_lost_while_the_upstream_is_restarted(
    serving: Serving,
    trusting: ResolverPlan,
    program: Program,
    certificate: tuple[Path, Path],
    tmp_path: Path,
    images: Images,
) -> None:
    port = free_port()
    queries = tmp_path / "queries"
    queries.write_text("".join(f"q{i}.free.test A\nwww.free.test A\n" for i in range(500)))
    upstream = TlsEndpoint("127.0.0.1", port, "dns.test")

    async with serving((), (upstream,), resolver=trusting) as front, asyncio.TaskGroup() as group:
        load = f"-s 127.0.0.1 -p {front.bound[0].port} -d {queries} -l 5 -Q 1000 -q 1000 -t 60"
        with dotservers.unbound(tmp_path, port, certificate):
            asking = group.create_task(told(program("dnsperf"), *load.split()))
            await asyncio.sleep(2)
        with dotservers.unbound(tmp_path, port, certificate):
            said = await asking

    assert re.search(r"Queries lost:\s+0 ", said), said
    assert re.search(r"Response codes:\s+NOERROR \d+ \([\d.]+%\), NXDOMAIN \d+ \([\d.]+%\)\n", said), said
