"""Safe search, canaries and DDR through a whole front: a real server behind it, dig before it, over UDP and TCP."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support.dns.primaries import HOST, primary
from support.images.opened import Images

from dns.base.endpoints import Endpoint
from dns.front.answers import AnswerPolicy
from dns.front.front import DnsFront
from dns.front.resolver_plan import ResolverPlan
from dns.front.special_names import encrypted_resolvers
from fastpath.dns.special_names import SpecialNames
from fastpath.images.tables import TableSet
from fastpath.people.policy_writer import ProfileSpec
from fastpath.report.spool import Reporter

ZONE = """
safe CNAME edge.cdn
edge.cdn A 192.0.2.1
edge.cdn A 192.0.2.2
www A 192.0.2.9
www HTTPS 1 . alpn=h2
canary A 192.0.2.9
"""
NAMES = SpecialNames(
    [("www.rpz.test", "safe.rpz.test", "safe.rpz.test"), ("gone.rpz.test", "nothing.rpz.test", "nothing.rpz.test")],
    ["canary.rpz.test"],
    [found.rdata(1) for found in encrypted_resolvers("dns.test", [("192.0.2.53", 853)], [])],
)
WISHES = ProfileSpec(0, (), 0, 0, safe_search=2, has_canaries=True)
CACHE_OCTETS = 4 << 20
Asked = Callable[..., Awaitable[list[list[str]]]]


@pytest.fixture
async def asked(images: Images, tmp_path: Path) -> AsyncIterator[Asked]:
    """asked(name, qtype, *options): the answer section by dig, each record split, of a client with every wish."""
    people = (images.subscribers([(HOST, 1)]), None, images.policy([(1, WISHES)]))
    with primary("knot", tmp_path / "knot", ZONE, None) as upstream:
        async with _front(images, Endpoint(HOST, upstream.port), TableSet(images.names([]), None, *people)) as front:
            port = front.bound[0].port

            async def dig(name: str, qtype: str, *options: str) -> list[list[str]]:
                argv = ["dig", "@" + HOST, "-p", str(port), "+noall", "+answer", "+time=20", *options, name, qtype]
                done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, check=True)
                return [line.split() for line in done.stdout.splitlines() if line and not line.startswith(";")]

            yield dig


@asynccontextmanager
async def _front(images: Images, upstream: Endpoint, tables: TableSet) -> AsyncIterator[DnsFront]:
    udp, tcp = (Reporter(images.folder / f"c-{name}", images.folder / name) for name in ("udp", "tcp"))
    plan = ResolverPlan(cache_octets=CACHE_OCTETS, specials=NAMES)
    front = DnsFront([Endpoint(HOST, 0)], [upstream], udp, tcp, AnswerPolicy(), resolver=plan)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(front.run())
        await front.use(tables)
        yield front
        running.cancel()


@pytest.mark.services
@pytest.mark.parametrize("way", ["+notcp", "+tcp"])
async def test_a_search_engine_is_an_alias_of_its_safe_form_fresh_and_kept(asked: Asked, way: str) -> None:
    for _ in range(2):  # from the upstream, then from the cache
        alias, chain, *addresses = await asked("wWw.rpz.test", "A", way)

        assert alias == ["wWw.rpz.test.", "60", "IN", "CNAME", "safe.rpz.test."]
        assert (chain[0], *chain[3:]) == ("safe.rpz.test.", "CNAME", "edge.cdn.rpz.test.")
        assert sorted(fields[-1] for fields in addresses) == ["192.0.2.1", "192.0.2.2"]
        assert {fields[0] for fields in addresses} == {"edge.cdn.rpz.test."}


@pytest.mark.services
@pytest.mark.parametrize("way", ["+notcp", "+tcp"])
async def test_the_rest_of_the_special_names_over_the_same_front(asked: Asked, way: str) -> None:
    assert await asked("www.rpz.test", "HTTPS", way) == []
    assert [fields[-1] for fields in await asked("gone.rpz.test", "A", way)] == ["nothing.rpz.test."]
    assert await asked("canary.rpz.test", "A", way) == []
    (resolver,) = await asked("_dns.resolver.arpa", "SVCB", way)
    assert resolver[3:] == ["SVCB", "1", "dns.test.", 'alpn="dot"', "port=853", "ipv4hint=192.0.2.53"]
    assert await asked("other.resolver.arpa", "A", way) == []


@pytest.mark.services
async def test_the_safe_form_itself_is_an_ordinary_name(asked: Asked) -> None:
    assert (await asked("safe.rpz.test", "A"))[0][3:] == ["CNAME", "edge.cdn.rpz.test."]
