import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from dnslib import QTYPE, RCODE, RR, TXT, DNSRecord
from support.dns.front import Serving
from support.images.opened import Images

from dns.base.endpoints import Endpoint
from dns.front.front import DnsFront
from dns.front.streams.acceptor import Connection, StreamLimits
from dns.front.streams.answer_path import AnswerPath
from dns.front.streams.server import StreamPlan
from dns.front.streams.tcp import MESSAGES_A_TURN, MessageStream
from dns.front.streams.turns import Turns
from fastpath.images.verdict import Action, Mode
from fastpath.report.counters import read_counters

BLOCKED = (("orders", "n.test", Mode.SUBTREE, Action.NXDOMAIN), ("orders", "d.test", Mode.SUBTREE, Action.DROP))


WAIT_S = 120  # of a busy machine, for what must come
NEVER_IDLE_S = 3600.0  # so that nothing but what is tested ends a connection
NEVER_IDLE = StreamPlan(StreamLimits(idle_s=NEVER_IDLE_S))


def framed(message: bytes) -> bytes:
    return len(message).to_bytes(2, "big") + message


def query(name: str) -> bytes:
    return bytes(DNSRecord.question(name).pack())


async def take(reader: asyncio.StreamReader) -> DNSRecord:
    async with asyncio.timeout(WAIT_S):
        return DNSRecord.parse(await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big")))


async def is_closed(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(WAIT_S):
        try:
            return await reader.read() == b""
        except ConnectionResetError:
            return True


@asynccontextmanager
async def connected(
    front: DnsFront, family: int = 0
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(*front.bound[family])
    try:
        yield reader, writer
    finally:
        writer.close()


@asynccontextmanager
async def hardly_reading(front: DnsFront) -> AsyncIterator[asyncio.StreamWriter]:
    """A client that reads nothing, and whose kernel keeps little: else it takes a hundred thousand answers."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)  # by which the other side measures what it keeps
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, front.bound[0])
    _reader, writer = await asyncio.open_connection(sock=sock)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    try:
        yield writer
    finally:
        writer.close()


@asynccontextmanager
async def upstream(reply: Callable[[bytes], Awaitable[bytes]]) -> AsyncIterator[Endpoint]:
    """A TCP upstream that answers one query a connection with what `reply` gives."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        writer.write(framed(await reply(asked)))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield Endpoint(*server.sockets[0].getsockname())


async def plainly(asked: bytes) -> bytes:
    return bytes(DNSRecord.parse(asked).reply().pack())


@pytest.mark.parametrize("family", [0, 1])
async def test_a_blocked_name_is_answered_over_both_families(serving: Serving, family: int) -> None:
    async with serving(BLOCKED) as front, connected(front, family) as (reader, writer):
        writer.write(framed(query("www.n.test")))

        assert (await take(reader)).header.rcode == RCODE.NXDOMAIN


async def test_a_query_may_come_octet_by_octet(serving: Serving) -> None:
    async with serving(BLOCKED) as front, connected(front) as (reader, writer):
        for octet in framed(query("n.test")):
            writer.write(bytes([octet]))
            await writer.drain()

        assert (await take(reader)).header.rcode == RCODE.NXDOMAIN


async def test_many_queries_may_come_in_one_segment(serving: Serving) -> None:
    asked = [query(f"q{number}.n.test") for number in range(100)]
    async with serving(BLOCKED) as front, connected(front) as (reader, writer):
        writer.write(b"".join(map(framed, asked)))

        assert [(await take(reader)).header.id for _ in asked] == [DNSRecord.parse(one).header.id for one in asked]


async def test_a_slow_upstream_does_not_hold_up_a_later_query(serving: Serving) -> None:
    released = asyncio.Event()

    async def slowly(asked: bytes) -> bytes:
        await released.wait()
        return await plainly(asked)

    async with upstream(slowly) as behind, serving(BLOCKED, (behind,)) as front, connected(front) as (reader, writer):
        writer.write(framed(query("free.test")) + framed(query("n.test")))
        first = await take(reader)
        released.set()
        second = await take(reader)

        assert (str(first.q.qname), str(second.q.qname)) == ("n.test.", "free.test.")


async def test_what_was_asked_before_the_client_closed_its_side_is_still_answered(serving: Serving) -> None:
    async with (
        upstream(plainly) as behind,
        serving(BLOCKED, (behind,), NEVER_IDLE) as front,
        connected(front) as (reader, writer),
    ):
        writer.write(framed(query("free.test")))
        writer.write_eof()

        assert str((await take(reader)).q.qname) == "free.test."
        assert await is_closed(reader)


async def test_a_dead_upstream_is_answered_servfail_and_counted(serving: Serving, images: Images) -> None:
    async with serving(BLOCKED, (Endpoint("127.0.0.1", 1),)) as front, connected(front) as (reader, writer):
        asked = DNSRecord.question("free.test")
        writer.write(framed(bytes(asked.pack())))
        answer = await take(reader)

    assert (answer.header.rcode, answer.header.id, answer.q) == (RCODE.SERVFAIL, asked.header.id, asked.q)
    counted = read_counters(images.folder / "c-tcp")
    assert (counted["dns_forwarded"], counted["dns_upstream_lost"], counted["dns_answered"]) == (1, 1, 0)


async def test_an_idle_connection_is_closed(serving: Serving) -> None:
    plan = StreamPlan(StreamLimits(idle_s=0.05))
    async with serving(BLOCKED, plan=plan) as front, connected(front) as (reader, _writer):
        assert await is_closed(reader)


async def test_a_message_that_takes_longer_than_it_may_ends_the_connection(serving: Serving) -> None:
    plan = StreamPlan(StreamLimits(idle_s=0.2))
    async with serving(BLOCKED, plan=plan) as front, connected(front) as (reader, writer):

        async def drip() -> None:
            # ten seconds of octets: on a busy machine, whoever reads them may be late
            for octet in framed(query(".".join(["x" * 60] * 3 + ["n.test"]))):
                writer.write(bytes([octet]))
                await asyncio.sleep(0.05)

        async with asyncio.TaskGroup() as group:
            dripping = group.create_task(drip())
            assert await is_closed(reader)
            dripping.cancel()


async def test_a_client_that_reads_nothing_is_let_go(serving: Serving) -> None:
    plan = StreamPlan(StreamLimits(idle_s=0.3, n_connections=1))
    async with serving(BLOCKED, plan=plan) as front, hardly_reading(front) as writer:
        queries = framed(query(".".join(["x" * 60] * 3 + ["n.test"]))) * 200
        async with asyncio.timeout(WAIT_S):
            with suppress(ConnectionError):
                while True:
                    writer.write(queries)
                    await writer.drain()


async def test_answers_that_a_client_does_not_read_are_bounded(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hugely(asked: bytes) -> bytes:
        reply = DNSRecord.parse(asked).reply()
        for number in range(150):
            reply.add_answer(RR(reply.q.qname, QTYPE.TXT, ttl=0, rdata=TXT([f"{number}" + "x" * 250])))
        return bytes(reply.pack())

    monkeypatch.setattr("dns.front.streams.tcp.MAX_UNREAD_OCTETS", 100_000)
    plan = StreamPlan(StreamLimits(idle_s=30))
    async with upstream(hugely) as behind, serving((), (behind,), plan) as front, hardly_reading(front) as writer:
        async with asyncio.timeout(WAIT_S):
            with suppress(ConnectionError):
                while True:
                    writer.write(framed(bytes(DNSRecord.question("huge.test", "TXT").pack())))
                    await writer.drain()
                    await asyncio.sleep(0)


async def test_a_client_beyond_its_limit_is_refused_and_its_others_go_on(serving: Serving) -> None:
    plan = StreamPlan(StreamLimits(idle_s=NEVER_IDLE_S, n_of_client=1))
    async with serving(BLOCKED, plan=plan) as front, connected(front) as (reader, writer):
        writer.write(framed(query("n.test")))
        await take(reader)
        async with connected(front) as (refused, _):
            assert await is_closed(refused)
        writer.write(framed(query("n.test")))

        assert (await take(reader)).header.rcode == RCODE.NXDOMAIN


async def test_where_all_places_are_taken_a_clients_longest_idle_connection_goes(
    serving: Serving, images: Images
) -> None:
    plan = StreamPlan(StreamLimits(idle_s=NEVER_IDLE_S, n_connections=2))
    async with (
        serving(BLOCKED, plan=plan) as front,
        connected(front) as (busy, asking),
        connected(front) as (idle, first),
    ):
        for reader, writer in ((idle, first), (busy, asking)):  # both have their places, and this is their order
            writer.write(framed(query("n.test")))
            await take(reader)
        async with connected(front) as (newcomer, writer):
            writer.write(framed(query("n.test")))
            asking.write(framed(query("n.test")))

            assert [(await take(reader)).header.rcode for reader in (newcomer, busy)] == [RCODE.NXDOMAIN] * 2
            assert await is_closed(idle)
    assert read_counters(images.folder / "c-tcp")["dns_streams_evicted"] == 1


async def test_one_that_pipelines_leaves_another_its_turn(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    n_queries = 3000
    decide, decided, all_are_sent = AnswerPath.decide, list[bytes](), threading.Event()

    def note(path: AnswerPath, query: bytes, client: str, is_encrypted: bool) -> bytes | None:
        assert b"served" in query or all_are_sent.wait(60)  # both wait, whichever thread has the processor
        decided.append(query)
        return decide(path, query, client, is_encrypted)

    monkeypatch.setattr(AnswerPath, "decide", note)
    async with serving(BLOCKED) as front, connected(front) as (many, pipelining), connected(front) as (one, asking):
        for reader, writer in ((many, pipelining), (one, asking)):
            writer.write(framed(query("served.n.test")))
            await take(reader)
        pipelining.write(framed(query("n.test")) * n_queries)
        asking.write(framed(alone := query("alone.n.test")))
        all_are_sent.set()
        await take(one)

    assert decided.index(alone) < n_queries // 2


async def test_a_closed_connection_makes_room_for_another(serving: Serving) -> None:
    async with serving(BLOCKED, plan=StreamPlan(StreamLimits(idle_s=NEVER_IDLE_S, n_connections=1))) as front:
        for _ in range(5):
            async with connected(front) as (reader, writer):
                writer.write(framed(query("n.test")))
                writer.write_eof()
                assert (await take(reader)).header.rcode == RCODE.NXDOMAIN
                assert await is_closed(reader)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("a dropped name", query("d.test")),
        ("an answer", b"\0\0\x80\0" + bytes(8)),
        ("a short message", b"\0\0"),
        ("an empty message", b""),
    ],
)
async def test_what_gets_no_answer_ends_the_connection(serving: Serving, what: str, message: bytes) -> None:
    async with serving(BLOCKED, plan=NEVER_IDLE) as front, connected(front) as (reader, writer):
        writer.write(framed(message))

        assert await is_closed(reader)


async def test_a_client_that_resets_leaves_the_server_running(serving: Serving) -> None:
    async with serving(BLOCKED) as front:
        async with connected(front) as (_, writer):
            writer.write(framed(query("free.test"))[:7])
            await writer.drain()
            writer.transport.abort()
        async with connected(front) as (reader, writer):
            writer.write(framed(query("n.test")))

            assert (await take(reader)).header.rcode == RCODE.NXDOMAIN


async def test_only_so_many_queries_of_a_connection_wait_at_the_upstream(serving: Serving) -> None:
    n_now = n_most = 0
    are_three = asyncio.Event()  # a busy machine may bring them one after the other

    async def counting(asked: bytes) -> bytes:
        nonlocal n_now, n_most
        n_now += 1
        n_most = max(n_most, n_now)
        if n_now == 3:
            are_three.set()
        await are_three.wait()
        await asyncio.sleep(0.01)
        n_now -= 1
        return await plainly(asked)

    plan = StreamPlan(StreamLimits(n_waiting=3))
    async with (
        upstream(counting) as behind,
        serving((), (behind,), plan) as front,
        connected(front) as (reader, writer),
    ):
        writer.write(b"".join(framed(query(f"q{number}.test")) for number in range(12)))
        for _ in range(12):
            await take(reader)

    assert n_most == 3


async def test_a_client_with_many_busy_connections_has_no_more_turns_than_one_with_a_single_one() -> None:
    decided = list[str]()

    class Path:
        def decide(self, query: bytes, client: str, is_encrypted: bool) -> bytes:
            decided.append(client)
            return query

    class Writer:
        transport = SimpleNamespace(get_write_buffer_size=lambda: 0, abort=lambda: None)

        def write(self, octets: bytes) -> None:
            pass

        async def drain(self) -> None:
            pass

    def begun(client: str, n_queries: int) -> Connection:
        reader = asyncio.StreamReader()
        reader.feed_data(framed(query("n.test")) * n_queries)
        reader.feed_eof()
        writer: Any = Writer()
        return Connection(reader, writer, client, None, False, lambda: None, partial(turns.wait, client))

    turns, path = Turns(), Path()
    stream = MessageStream(path, StreamLimits(), lambda connection: connection.client)  # type: ignore[arg-type]
    async with asyncio.TaskGroup() as group:
        for _ in range(30):
            group.create_task(stream.converse(begun("192.0.2.66", 64)))
        group.create_task(stream.converse(begun("192.0.2.7", 3 * MESSAGES_A_TURN)))

    last = len(decided) - decided[::-1].index("192.0.2.7")
    assert last <= (30 + 2 * 4) * MESSAGES_A_TURN, "each has begun; then both clients in turn"
