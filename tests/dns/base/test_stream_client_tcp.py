"""An upstream over TCP, as the loop asks it for what came truncated."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest
from dnslib import DNSRecord
from support.dns.dot_servers import HOST, Peer, PlayedTls, Reply
from support.dns.stream_queries import End, answer_to, answering, query, running, silent, until
from support.system.ports import free_port

import dns.base.stream_client
from dns.base.endpoints import Endpoint, TlsEndpoint
from dns.base.stream_client import StreamUpstream


@asynccontextmanager
async def asked_over_tcp(reply: Reply) -> AsyncIterator[tuple[PlayedTls, End]]:
    server = PlayedTls(None, reply)
    async with server(), running(StreamUpstream(Endpoint(HOST, server.port))) as upstream:
        with End(upstream, is_insistent=True) as end:
            yield server, end


def is_cut(asked: bytes, answer: bytes) -> bool:
    """Whether it is the truncated answer to this query, and nothing else."""
    said, expected = DNSRecord.parse(answer), DNSRecord.parse(asked)
    return (said.header.id, said.header.qr, said.header.tc, said.q) == (
        expected.header.id,
        1,
        1,
        expected.q,
    ) and said.rr == said.auth == said.ar == []


async def test_a_question_goes_as_it_is_and_its_answer_comes_whole() -> None:
    async def reply(asked: bytes, peer: Peer) -> None:
        peer.say(answer_to(asked, bytes(60_000)))

    async with asked_over_tcp(reply) as (server, end):
        end.send(asked := query())
        assert await end.heard() == answer_to(asked, bytes(60_000))

    assert server.queries[0][2:] == asked[2:]


async def test_answers_in_one_segment_and_in_single_octets_are_cut_right() -> None:
    waiting: list[bytes] = []

    async def reply(asked: bytes, peer: Peer) -> None:
        waiting.append(answer_to(asked))
        if len(waiting) == 2:
            peer.writer.write(b"".join(len(each).to_bytes(2, "big") + each for each in waiting))
        elif len(waiting) == 3:
            for octet in len(waiting[2]).to_bytes(2, "big") + waiting[2]:
                peer.writer.write(bytes((octet,)))
                await asyncio.sleep(0)

    async with asked_over_tcp(reply) as (server, end):
        asked = [query(f"q{i}.test") for i in range(3)]
        for each in asked[:2]:
            end.send(each)
        assert [await end.heard(), await end.heard()] == [answer_to(each) for each in asked[:2]]
        end.send(asked[2])
        assert await end.heard() == answer_to(asked[2])
    assert server.n_connections == 1


async def test_a_port_that_is_closed_gives_the_truncated_answer_at_once_and_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dns.base.stream_client, "PATIENCE_S", 1000.0)  # nothing is waited for
    caplog.set_level(logging.INFO, "dns.base.stream_client")
    at = Endpoint(HOST, free_port())
    async with running(StreamUpstream(at)) as upstream:
        with End(upstream, is_insistent=True) as end:
            asked = [query(f"q{i}.test") for i in range(50)]
            for each in asked:
                end.send(each)
                assert is_cut(each, await end.heard())
        server = PlayedTls(None, answering, at.port)
        async with server():
            await until(lambda: not upstream._is_pausing)
            assert await upstream.ask(asked[-1]) == answer_to(asked[-1])

    told = [record.getMessage() for record in caplog.records]
    assert told == [
        f"dns upstream {at} over TCP: Connection refused; its truncated answers are passed on until this is fixed; "
        "trying again; allow TCP to it, and check the path between",
        f"dns upstream {at} over TCP: it answers",
    ]


async def test_who_takes_connections_and_says_nothing_is_left_and_the_truncated_answer_given(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dns.base.stream_client, "PATIENCE_S", 0.1)
    monkeypatch.setattr(dns.base.stream_client, "LOOK_EVERY_S", 0.05)
    for name in ("RETRY_LEAST_S", "RETRY_MOST_S"):  # so long that it is still left alone when the second comes
        monkeypatch.setattr(dns.base.stream_client, name, 60.0)
    async with asked_over_tcp(silent) as (server, end):
        end.send(asked := query())
        assert is_cut(asked, await end.heard())
        await until(lambda: "it accepts connections and does not answer" in caplog.text)
        end.send(asked := query("other.test"))
        assert is_cut(asked, await end.heard())

    assert len(server.queries) == 1  # it is left alone for a while


async def test_while_tcp_is_at_fault_one_question_tries_it_and_no_other_waits(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dns.base.stream_client, "CONNECT_S", 0.1)
    with socket.create_server((HOST, 0), backlog=0) as listener, ExitStack() as stack:
        at = Endpoint(*listener.getsockname())
        for _ in range(4):  # what it has room for: then a SYN is dropped, as behind a firewall
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(at)
        async with running(StreamUpstream(at)) as upstream:
            with End(upstream, is_insistent=True) as end:
                end.send(query("first.test"))
                await end.heard()
                await until(lambda: not upstream._is_pausing)
                asked = [query(f"q{i}.test") for i in range(5)]
                for each in asked:
                    end.send(each)

                heard = [await end.heard() for _ in asked]

    assert all(is_cut(*each) for each in zip([*asked[1:], asked[0]], heard, strict=True))
    assert "over TCP: TimeoutError" in caplog.text


@pytest.mark.parametrize("lie", ["another id", "the query itself", "too short", "nothing"])
async def test_a_lie_changes_nothing_and_the_true_answer_still_comes(lie: str) -> None:
    async def reply(asked: bytes, peer: Peer) -> None:
        true = answer_to(asked)
        peer.say(
            {
                "another id": bytes([true[0] ^ 0x40]) + true[1:],
                "the query itself": asked,
                "too short": true[:11],
                "nothing": b"",
            }[lie]
        )
        peer.say(true)

    async with asked_over_tcp(reply) as (_, end):
        end.send(asked := query())
        assert await end.heard() == answer_to(asked)


@pytest.mark.parametrize("n_octets", [0, 1, 2, 20])
async def test_a_connection_that_ends_within_the_answer_is_tried_again_once(
    n_octets: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dns.base.stream_client, "PATIENCE_S", 1000.0)  # it is the end that is answered

    async def reply(asked: bytes, peer: Peer) -> None:
        if b"good" in asked:
            peer.say(answer_to(asked))
            return
        peer.writer.write((len(answer_to(asked)).to_bytes(2, "big") + answer_to(asked))[:n_octets])
        peer.writer.close()

    async with asked_over_tcp(reply) as (server, end):
        end.send(query("good.test"))
        await end.heard()
        end.send(asked := query())
        assert is_cut(asked, await end.heard())

    assert (len(server.queries), server.n_connections) == (3, 2)


async def test_a_connection_that_nobody_needs_is_closed_and_another_one_opened_for_the_next_question(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dns.base.stream_client, "TCP_IDLE_S", 0.1)
    monkeypatch.setattr(dns.base.stream_client, "LOOK_EVERY_S", 0.05)
    async with asked_over_tcp(answering) as (server, end):
        for n_connections in (1, 2):
            end.send(asked := query())
            assert await end.heard() == answer_to(asked)
            assert server.n_connections == n_connections
            await until(server.peers[-1].has_left)
    assert caplog.messages == []


async def test_questions_beyond_the_room_come_back_truncated_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns.base.stream_client, "MAX_UNDER_WAY", 3)
    async with asked_over_tcp(silent) as (server, end):
        asked = [query(f"q{i}.test") for i in range(10)]
        for each in asked:
            end.send(each)

        assert all([is_cut(each, await end.heard()) for each in asked[3:]])

        await until(lambda: len(server.queries) == 3)
        for each in server.queries:
            server.peers[0].say(answer_to(each))
        assert [await end.heard() for _ in range(3)] == [answer_to(each) for each in asked[:3]]


async def test_over_tls_an_insistent_end_has_the_same_connection(certificate: tuple[Path, Path]) -> None:
    async with PlayedTls(certificate, answering)() as server:
        upstream = StreamUpstream(TlsEndpoint(HOST, server.port, "dns.test"), certificate[0])
        async with running(upstream):
            with End(upstream) as end, End(upstream, is_insistent=True) as insistent:
                asked = [query(), query()]
                for each, question in zip((end, insistent), asked, strict=True):
                    each.send(question)
                    assert await each.heard() == answer_to(question)
    with End(upstream, is_insistent=True) as insistent:
        upstream._is_pausing = True
        insistent.send(asked[-1])
        upstream._read(next(iter(upstream._ends)))
        assert is_cut(asked[-1], await insistent.heard())
    upstream.close()

    assert server.n_connections == 1
    assert {len(each) for each in server.queries} == {128}
