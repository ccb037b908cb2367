"""The whole front as a resolver before a real one: cache, failover, cookies, special names, by dig and dnsperf."""

import asyncio
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.dns.front import Serving
from support.images.opened import Images
from support.system.ports import free_port

from dns.base.endpoints import Endpoint
from dns.front.front import DnsFront
from dns.front.resolver_plan import Admission, ResolverPlan
from dns.front.special_names import special_names
from fastpath.images.verdict import Mode
from fastpath.people.policy_writer import ProfileSpec
from fastpath.report.counters import read_counters

Program = Callable[[str], str]

pytestmark = pytest.mark.services
CACHED = ResolverPlan(cache_octets=16 << 20)


async def told(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(60):
        out, _ = await process.communicate()
    return out.decode()


async def dig(program: Program, front: DnsFront, *question: str, family: int = 0) -> str:
    at = (f"@{front.bound[family].host}", "-p", str(front.bound[family].port))
    return await told(program("dig"), *at, "+time=20", "+tries=1", *question)


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
async def test_a_second_query_is_answered_out_of_the_cache_and_its_time_runs(
    serving: Serving, unbound: Endpoint, program: Program, images: Images, transport: str
) -> None:
    async with serving((), (unbound,), resolver=CACHED) as front:
        began_s = time.monotonic()
        first = await dig(program, front, transport, "www.free.test", "A")
        await asyncio.sleep(1.1)
        second = await dig(program, front, transport, "wWw.Free.TEST", "A", family=1)
        took_s = time.monotonic() - began_s  # of a busy machine, more than a second longer

    assert re.search(r"^www\.free\.test\.\s+300\s+IN\s+A\s+198\.51\.100\.10$", first, re.MULTILINE)
    [left_s] = re.findall(r"^wWw\.Free\.TEST\.\s+(\d+)\s+IN\s+A\s+198\.51\.100\.10$", second, re.MULTILINE)
    assert 299 - took_s <= int(left_s) <= 299
    counted = read_counters(images.folder / ("c-tcp" if transport == "+tcp" else "c-udp"))
    assert (counted["dns_cache_hits"], counted["dns_cache_misses"], counted["dns_forwarded"]) == (1, 1, 1)


@pytest.mark.parametrize(
    "question",
    [
        ("absent.test", "A"),
        ("www.free.test", "MX"),
        ("www.free.test", "AAAA"),
        ("www.free.test", "A", "+dnssec"),
        ("www.free.test", "A", "+noedns"),
        ("www.free.test", "A", "+cdflag"),
        ("www.free.test", "A", "+noadflag"),
    ],
)
async def test_a_kept_answer_is_the_resolvers_own_but_for_its_times(
    serving: Serving, unbound: Endpoint, program: Program, question: tuple[str, ...]
) -> None:
    async with serving((), (unbound,), resolver=CACHED) as front:
        said = [await dig(program, front, "+nocomments", "+nostats", "+nocmd", "+qid=7", *question) for _ in range(2)]
        theirs = await told(
            program("dig"),
            "@127.0.0.1",
            "-p",
            str(unbound.port),
            "+nocomments",
            "+nostats",
            "+nocmd",
            "+qid=7",
            *question,
        )

    without_times = [re.sub(r"\t\d+\tIN", "\tIN", each) for each in (*said, theirs)]
    assert without_times[0] == without_times[1] == without_times[2]


async def test_dnsperf_loses_nothing_and_the_upstream_is_asked_a_few_times(
    serving: Serving, unbound: Endpoint, program: Program, tmp_path: Path, images: Images
) -> None:
    queries = tmp_path / "queries"
    queries.write_text("".join(f"www.free.test A\nq{i}.n.test A\nwww.free.test AAAA\n" for i in range(300)))

    async with serving((("orders", "n.test", Mode.SUBTREE),), (unbound,), resolver=CACHED) as front:
        said = await told(
            program("dnsperf"),
            "-s",
            "127.0.0.1",
            "-p",
            str(front.bound[0].port),
            "-d",
            str(queries),
            "-n",
            "10",
            "-q",
            "100",
        )

    assert re.search(r"Queries completed:\s+9000 \(100\.00%\)", said), said
    counted = read_counters(images.folder / "c-udp")
    assert counted["dns_blocked"] == 3000
    assert 2 <= counted["dns_forwarded"] <= 8  # one for each 32 clients that wait
    assert counted["dns_cache_hits"] + counted["dns_coalesced"] + counted["dns_forwarded"] == 6000


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
async def test_an_upstream_that_refuses_or_is_not_there_is_passed_over(
    serving: Serving, unbound: Endpoint, program: Program, transport: str
) -> None:
    nobody = Endpoint("127.0.0.1", free_port())
    async with serving((), (nobody, unbound)) as front:
        said = [await dig(program, front, transport, "+short", "www.free.test") for _ in range(3)]

    assert [each.strip() for each in said] == ["198.51.100.10"] * 3


async def test_answers_go_on_when_the_only_upstream_dies(
    serving: Serving, program: Program, images: Images, tmp_path: Path
) -> None:
    upstream = Endpoint("127.0.0.1", free_port())
    with dying_resolver(program("dnsmasq"), upstream) as process:
        async with serving((), (upstream,), resolver=CACHED) as front:
            before = await until_answered(program, front)
            process.terminate()
            process.wait()
            await asyncio.sleep(1.2)
            after = await dig(program, front, "www.free.test", "A")

    assert before == "198.51.100.10"
    assert "198.51.100.10" in after and "EDE: 3 (Stale Answer)" in after
    assert read_counters(images.folder / "c-udp")["dns_stale"] == 1


def dying_resolver(dnsmasq: str, at: Endpoint) -> "subprocess.Popen[bytes]":
    """One whose answer lives a second."""
    return subprocess.Popen(
        [
            dnsmasq,
            "--keep-in-foreground",
            "--no-resolv",
            "--no-hosts",
            "--conf-file=/dev/null",
            "--bind-interfaces",
            f"--listen-address={at.host}",
            f"--port={at.port}",
            "--local-ttl=1",
            "--user=",
            "--pid-file=",
            "--host-record=www.free.test,198.51.100.10",
        ],
        stderr=subprocess.DEVNULL,
    )


async def until_answered(program: Program, front: DnsFront) -> str:
    async with asyncio.timeout(60):
        while True:
            if said := (await dig(program, front, "+short", "www.free.test")).strip():
                return said


async def test_dig_and_the_front_exchange_cookies(serving: Serving, unbound: Endpoint, program: Program) -> None:
    plan = ResolverPlan(cookie_master=bytes(range(16)))
    async with serving((("orders", "n.test", Mode.SUBTREE),), (unbound,), resolver=plan) as front:
        said = [await dig(program, front, "+cookie=0102030405060708", name) for name in ("n.test", "www.free.test")]

    for each in said:
        assert re.search(r"COOKIE: 010203040506070801[0-9a-f]{30} \(good\)", each), each


async def test_only_own_clients_are_answered(serving: Serving, unbound: Endpoint, program: Program) -> None:
    plan = ResolverPlan(admission=Admission(["::1/128"]))
    async with serving((), (unbound,), resolver=plan) as front:
        for transport in ("+notcp", "+tcp"):
            stranger = await dig(program, front, transport, "www.free.test")
            own = await dig(program, front, transport, "+short", "www.free.test", family=1)
            if transport == "+notcp":
                assert "status: REFUSED" in stranger and "EDE: 18 (Prohibited)" in stranger
            else:  # closed when it was accepted
                assert "status:" not in stranger
            assert own.strip() == "198.51.100.10"


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
async def test_special_names_are_answered_over_every_transport(
    serving: Serving, unbound: Endpoint, program: Program, images: Images, transport: str
) -> None:
    child = ProfileSpec(0, (), 0, 0, safe_search=2, has_canaries=True)
    people = (images.subscribers([("127.0.0.0/8", 7)]), images.policy([(7, child)]))
    async with serving((), (unbound,), people=people, resolver=ResolverPlan(specials=special_names())) as front:
        canary = await dig(program, front, transport, "use-application-dns.net")
        nobody = await dig(program, front, transport, "use-application-dns.net", family=1)
        yandex = await dig(program, front, transport, "+short", "yandex.ru", "A")
        resolvers = await dig(program, front, transport, "_dns.resolver.arpa", "SVCB", family=1)

    assert "status: NXDOMAIN" in canary and "status: REFUSED" in nobody
    assert yandex.strip() == "213.180.193.56"
    assert "status: NOERROR" in resolvers and "ANSWER: 0" in resolvers
