"""What an upstream's answer leads to, as clients of a whole front see it: dig and kdig over UDP and TCP."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from ipaddress import IPv4Address, IPv6Address

import pytest
from dnslib import DNSRecord
from support.dns.answers import ALPN, ECH, MANDATORY, answer, https
from support.dns.front import Serving
from support.images.opened import Images
from support.packets.shapes import canonical
from support.system.ports import HOST, free_port

from dns.base.endpoints import Endpoint
from dns.front.answers import AnswerPolicy, Splash
from dns.front.front import DnsFront
from dns.front.structured import StructuredErrors
from fastpath.images.verdict import Action, Channel, Mode
from fastpath.people.policy_writer import ProfileSpec
from fastpath.report.counters import read_counters
from fastpath.report.spool import read_segment, segment_numbers, segment_path

ORDER, SECRET = "n.test", "c.test"
ENTRIES = (
    ("orders", ORDER, Mode.SUBTREE, Action.NO_ACTION, 7),
    ("csam", SECRET, Mode.SUBTREE),
    ("help", "help.test", Mode.SUBTREE),
    ("malware", "evil.test", Mode.SUBTREE),
)
SERVICE = https(
    "shop.test", 1, "svc.test", [(MANDATORY, b"\0\1\0\5"), (ALPN, b"\2h2"), (ECH, bytes.fromhex("0004fe0d0000"))]
)
KNOWN = {
    "to-order.test": answer("to-order.test", "A", f"to-order.test 60 CNAME www.{ORDER}", f"www.{ORDER} 60 A 192.0.2.1"),
    "to-csam0.test": answer(
        "to-csam0.test", "A", f"to-csam0.test 60 CNAME www.{SECRET}", f"www.{SECRET} 60 A 192.0.2.1"
    ),
    "help.test": answer("help.test", "A", "help.test 60 CNAME evil.test", "evil.test 60 A 192.0.2.2"),
    "to-evil.test": answer("to-evil.test", "A", "to-evil.test 60 CNAME evil.test", "evil.test 60 A 192.0.2.2"),
    "shop.test": answer("shop.test", "HTTPS", SERVICE),
    "alias.test": answer("alias.test", "HTTPS", https("alias.test", 0, f"svc.{ORDER}")),
    "broken.test": answer("broken.test", "A", "broken.test 60 CNAME a.test")[:-1] + b"\x07",
    "broken-ech.test": answer("broken-ech.test", "HTTPS", https("broken-ech.test", 1, "", [(ECH, b"x")]))[:-2]
    + b"\x05x",
}


def known_answer(query: bytes) -> bytes:
    """What is known of the name, to whatever type is asked, in the letters it was asked in."""
    asked = DNSRecord.parse(query)
    known = KNOWN[str(asked.q.qname).rstrip(".").lower()]
    end = 12 + len(canonical(str(asked.q.qname))) + 4
    return query[:2] + known[2:12] + query[12:end] + known[end:]


class Upstream(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(known_answer(data), addr)


async def answer_stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(asyncio.IncompleteReadError):
        while True:
            known = known_answer(await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big")))
            writer.write(len(known).to_bytes(2, "big") + known)
    writer.close()


@pytest.fixture
async def upstream() -> AsyncIterator[Endpoint]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Upstream, local_addr=(HOST, free_port()))
    host, port = transport.get_extra_info("sockname")
    async with await asyncio.start_server(answer_stream, host, port):
        yield Endpoint(host, port)
    transport.close()
    await asyncio.sleep(0)  # it closes in the next turn of the loop


@asynccontextmanager
async def asking(
    serving: Serving, upstream: Endpoint, images: Images, tool: str, **more: AnswerPolicy
) -> AsyncIterator[Callable[..., Awaitable[str]]]:
    """ask(arguments…) of a front whose client at 127.0.0.1 is to stay with it; gives what the tool prints."""
    people = (
        images.subscribers([("127.0.0.1/32", 1)]),
        images.policy([(1, ProfileSpec(0, (), 0, 18000, has_canaries=True))]),
    )
    async with serving(ENTRIES, (upstream,), people=people, **more) as front:

        async def ask(*arguments: str) -> str:
            return await told(front, tool, *arguments)

        yield ask


async def told(front: DnsFront, tool: str, *arguments: str) -> str:
    where = (f"@{front.bound[0].host}", "-p", str(front.bound[0].port))
    process = await asyncio.create_subprocess_exec(tool, *where, *arguments, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(60):
        out, _ = await process.communicate()
    return out.decode()


TRANSPORTS = pytest.mark.parametrize("transport", ["+notcp", "+tcp"])


@pytest.mark.services
@TRANSPORTS
async def test_an_alias_of_a_listed_name_is_answered_as_that_name_is(
    serving: Serving, upstream: Endpoint, images: Images, transport: str
) -> None:
    async with asking(serving, upstream, images, "dig") as ask:
        for _ in range(2):  # the second time out of the cache
            said = await ask(transport, "to-order.test", "A")
            assert re.search(r"^to-order\.test\.\s+60\s+IN\s+A\s+192\.0\.2\.80$", said, re.MULTILINE)
            assert "EDE: 16 (Censored)" in said and "CNAME" not in said

    place = "udp" if transport == "+notcp" else "tcp"
    counted = read_counters(images.folder / f"c-{place}")
    assert (counted["dns_inspected"], counted["dns_blocked"]) == (2, 2)
    segments = str(images.folder / place)
    event = read_segment(segment_path(segments, segment_numbers(segments)[0]), 0, 10).events[0]
    assert (event.list, event.rule, event.order, event.channel) == ("orders", ORDER, 7, Channel.DNS)


@pytest.mark.services
async def test_a_service_elsewhere_is_blocked_and_the_help_corridor_is_not(
    serving: Serving, upstream: Endpoint, images: Images
) -> None:
    async with asking(serving, upstream, images, "dig") as ask:
        service = await ask("alias.test", "HTTPS")
        helped = await ask("+short", "help.test", "A")
        evil = await ask("to-evil.test", "A")

    assert "EDE: 16 (Censored)" in service and "ANSWER: 0" in service
    assert helped.split() == ["evil.test.", "192.0.2.2"]
    assert "EDE: 15 (Blocked)" in evil and "status: NXDOMAIN" in evil


@pytest.mark.services
@TRANSPORTS
@pytest.mark.parametrize("structured", [None, StructuredErrors("Example ISP", "help@isp.example")])
async def test_nobody_can_tell_an_alias_of_a_confidential_name_from_one_of_an_order(
    serving: Serving, upstream: Endpoint, images: Images, transport: str, structured: StructuredErrors | None
) -> None:
    splash = Splash(IPv4Address("192.0.2.80"), IPv6Address("2001:db8::80"))
    answers = AnswerPolicy(splash, structured=structured)
    flags = ("+norrcomments", "+nostats", "+nocmd", "+qid=7", "+ednsopt=26", transport)
    async with asking(serving, upstream, images, "dig", answers=answers) as ask:
        order, secret = [await ask(*flags, name, "A") for name in ("to-order.test", "to-csam0.test")]

    assert "EDE: 16 (Censored)" in order
    assert order.replace("to-order", "to-csam0") == secret
    assert ("restricted by law" in order) == (structured is not None)


@pytest.mark.services
@TRANSPORTS
async def test_a_device_that_is_to_stay_gets_services_without_ech_unless_it_validates(
    serving: Serving, upstream: Endpoint, images: Images, transport: str
) -> None:
    async with asking(serving, upstream, images, "kdig") as ask:
        plain = await ask(transport, "shop.test", "HTTPS")
        validating = await ask(transport, "+dnssec", "shop.test", "HTTPS")

    assert 'mandatory=alpn alpn="h2"\n' in plain
    assert 'mandatory=alpn,ech alpn="h2" ech=' in validating


@pytest.mark.services
@TRANSPORTS
@pytest.mark.parametrize(("name", "qtype"), [("broken.test", "A"), ("broken-ech.test", "HTTPS")])
async def test_an_answer_that_cannot_be_read_is_withheld_and_counted(
    serving: Serving, upstream: Endpoint, images: Images, transport: str, name: str, qtype: str
) -> None:
    async with asking(serving, upstream, images, "dig") as ask:
        said = await ask(transport, "+tries=1", name, qtype)

    assert "status: SERVFAIL" in said and "EDE: 24 (Invalid Data)" in said
    assert read_counters(images.folder / ("c-udp" if transport == "+notcp" else "c-tcp"))["dns_unreadable"] == 1
