"""Streams beside the loop of one front: what they wait for, and what does not wait for them."""

import asyncio
import socket
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from dnslib import RCODE, DNSRecord
from support.dns.front import Serving
from support.images.opened import Images

from dns.base.endpoints import Endpoint
from dns.base.length_prefix import framed, read_framed
from dns.front.answers import AnswerPolicy, Splash
from dns.front.front import DnsFront
from dns.front.streams.answer_path import AnswerPath
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Mode
from fastpath.report.counters import read_counters
from fastpath.report.spool import Reporter

BLOCKED = (("orders", "n.test", Mode.SUBTREE),)


async def test_a_stream_that_was_first_is_answered_from_the_tables_given_before(images: Images, tmp_path: Path) -> None:
    udp, tcp = (Reporter(tmp_path / f"c-{name}", tmp_path / name) for name in ("udp", "tcp"))
    policy = AnswerPolicy(Splash(IPv4Address("192.0.2.80")))
    front = DnsFront([Endpoint("127.0.0.1", 0)], [Endpoint("127.0.0.1", 9)], udp, tcp, policy)
    front.give(TableSet(images.names(BLOCKED)))
    reader, writer = await asyncio.open_connection(*front.bound[0])
    writer.write(framed(bytes(DNSRecord.question("n.test").pack())))
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        running = group.create_task(front.run())
        answer = DNSRecord.parse(await read_framed(reader))
        running.cancel()
    writer.close()

    assert str(answer.rr[0].rdata) == "192.0.2.80"
    assert read_counters(tmp_path / "c-tcp")["no_tables"] == 0


async def test_streams_that_hang_hold_up_neither_udp_nor_new_tables(
    images: Images, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = AnswerPath.decide

    def hang(path: AnswerPath, query: bytes, client: str, is_encrypted: bool) -> bytes | None:
        while b"hang" in query:
            pass
        return decide(path, query, client, is_encrypted)

    monkeypatch.setattr(AnswerPath, "decide", hang)
    async with asyncio.timeout(60), serving(BLOCKED) as front:
        reader, writer = await asyncio.open_connection(*front.bound[0])
        # only while something hangs: on a busy machine the thread, which gives way to others, may begin and go on late
        monkeypatch.setattr("dns.front.streams.stream_thread.HANG_S", 1.0)
        writer.write(framed(bytes(DNSRecord.question("hang.test").pack())))
        n_turns = front.n_turns
        await front.use(TableSet(images.names((("orders", "late.test", Mode.SUBTREE),))))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.setblocking(False)
            asking.connect(front.bound[0])
            asking.send(bytes(DNSRecord.question("late.test").pack()))
            udp = DNSRecord.parse(await asyncio.get_running_loop().sock_recv(asking, 4096))
        assert await reader.read() == b""  # what hung was ended
        monkeypatch.setattr("dns.front.streams.stream_thread.HANG_S", 60.0)
        writer.close()
        reader, writer = await asyncio.open_connection(*front.bound[0])
        writer.write(framed(bytes(DNSRecord.question("late.test").pack())))
        tcp = DNSRecord.parse(await read_framed(reader))
        writer.close()
        assert front.n_turns > n_turns

    assert [str(answer.rr[0].rdata) for answer in (udp, tcp)] == ["192.0.2.80"] * 2
    assert read_counters(images.folder / "c-tcp")["dns_streams_hung"] >= 1


async def test_so_many_queries_of_streams_wait_for_upstreams_and_the_next_one_fails_at_once(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dns.front.front.MAX_ASKED", 1)
    asked = asyncio.Event()

    async def listen(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await asyncio.sleep(60)

    silent = await asyncio.start_server(listen, "127.0.0.1", 0)
    async with asyncio.timeout(30), serving(BLOCKED, (Endpoint(*silent.sockets[0].getsockname()),)) as front:
        reader, writer = await asyncio.open_connection(*front.bound[0])
        for name in ("first.test", "second.test"):
            writer.write(framed(bytes(DNSRecord.question(name).pack())))
            await asked.wait()
        answer = DNSRecord.parse(await read_framed(reader))
        writer.close()
    silent.close()

    assert (str(answer.q.qname), answer.header.rcode) == ("second.test.", RCODE.SERVFAIL)
