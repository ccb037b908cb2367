import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from dnslib import EDNS0, DNSRecord
from support.dns.dot_servers import HOST, Peer, PlayedTls
from support.dns.stream_queries import End, answer_to, answering, query, running, silent, until
from support.system.certificates import make_certificate
from support.system.ports import free_port

import dns.base.stream_client
from dns.base.endpoints import TlsEndpoint
from dns.base.errors import BadCertificate, UpstreamFailure
from dns.base.stream_client import StreamUpstream, padded

Certificate = tuple[Path, Path]


@asynccontextmanager
async def asked_by(
    certificate: Certificate, server: PlayedTls, name: str = "dns.test"
) -> AsyncIterator[StreamUpstream]:
    async with running(StreamUpstream(TlsEndpoint(HOST, server.port, name), certificate[0])) as upstream:
        yield upstream


# -- questions and answers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 50, 63])
def test_a_query_is_padded_to_128_octets_and_says_the_same(n: int) -> None:
    plain = query("a" * n + ".test")

    octets = padded(plain)

    said = DNSRecord.parse(octets)
    assert len(octets) % 128 == 0
    assert (said.header.id, said.q, said.ar[0].edns_len) == (
        DNSRecord.parse(plain).header.id,
        DNSRecord.parse(plain).q,
        1232,
    )
    assert [(option.code, set(option.data)) for option in said.ar[0].rdata] in ([(12, {0})], [(12, set())])


def test_of_every_length_of_a_name_the_padded_query_has_128_or_256_or_384_octets() -> None:
    names = [".".join(["a" * 60, *["b" * 60] * (n // 61), "c" * (n % 61 + 1)]) for n in range(180)]

    lengths = {len(padded(query(name))) for name in names}

    assert lengths <= {128, 256, 384}


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        b"\0" * 11,
        DNSRecord.question("free.test").pack(),
        bytes(DNSRecord(q=DNSRecord.question("free.test").q, ar=[EDNS0(opts=[])]).pack()) + b"\1",
    ],
)
def test_what_has_no_empty_opt_at_its_end_stays_as_it_is(plain: bytes) -> None:
    assert padded(plain) == plain


async def test_answers_come_back_to_who_asked_in_any_order_over_one_connection(certificate: Certificate) -> None:
    waiting: list[bytes] = []

    async def reply(asked: bytes, peer: Peer) -> None:
        waiting.append(asked)
        while len(waiting) == 5:
            for each in reversed(waiting):
                peer.say(answer_to(each))
            waiting.clear()

    async with PlayedTls(certificate, reply)() as server, asked_by(certificate, server) as upstream:
        with End(upstream) as one, End(upstream) as other:
            asked = [query(f"q{i}.test") for i in range(5)]
            same_id = [each[:2] for each in asked]
            asked[2] = asked[0][:2] + asked[2][2:]  # two sockets of the loop may draw the same
            for end, octets in ((one, asked[0]), (one, asked[1]), (other, asked[2]), (other, asked[3])):
                end.send(octets)
            answer = await upstream.ask(asked[4])

            heard_one = {await one.heard(), await one.heard()}
            heard_other = {await other.heard(), await other.heard()}

    assert answer == answer_to(asked[4]) and same_id[4] == answer[:2]
    assert heard_one == {answer_to(asked[0]), answer_to(asked[1])}
    assert heard_other == {answer_to(asked[2]), answer_to(asked[3])}
    assert server.n_connections == 1
    assert {len(each) for each in server.queries} == {128}
    assert len({each[:2] for each in server.queries}) == 5


async def test_a_long_answer_comes_whole_to_a_stream_and_cut_to_a_shorter_buffer(certificate: Certificate) -> None:
    async def reply(asked: bytes, peer: Peer) -> None:
        peer.say(answer_to(asked, bytes(60_000)))

    async with PlayedTls(certificate, reply)() as server, asked_by(certificate, server) as upstream:
        with End(upstream) as end:
            end.send(asked := query())
            answer, _, flags, _ = await wait_for_datagram(end)
        whole = await upstream.ask(asked)

    assert whole == answer_to(asked, bytes(60_000))
    assert (answer, bool(flags & socket.MSG_TRUNC)) == (whole[:4096], True)


async def wait_for_datagram(end: End) -> tuple[bytes, list[tuple[int, int, bytes]], int, object]:
    await until(end.has_heard)
    return end.recvmsg(4096)


@pytest.mark.parametrize("lie", ["another id", "the query itself", "too short", "nothing", "twice"])
async def test_a_lie_changes_nothing_and_the_true_answer_still_comes(certificate: Certificate, lie: str) -> None:
    async def reply(asked: bytes, peer: Peer) -> None:
        true = answer_to(asked)
        peer.say(
            {
                "another id": bytes([true[0] ^ 0x40]) + true[1:],
                "the query itself": asked,
                "too short": true[:11],
                "nothing": b"",
                "twice": true,
            }[lie]
        )
        peer.say(true)

    async with PlayedTls(certificate, reply)() as server, asked_by(certificate, server) as upstream:
        with End(upstream) as end:
            for name in ("one.test", "two.test"):
                end.send(asked := query(name))
                assert await end.heard() == answer_to(asked)
            assert not end.has_heard()


async def test_no_more_questions_wait_than_there_is_room_for(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dns.base.stream_client, "MAX_UNDER_WAY", 3)
    async with PlayedTls(certificate, silent)() as server, asked_by(certificate, server) as upstream:
        with End(upstream) as end:
            for i in range(10):
                end.send(query(f"q{i}.test"))
            await until(lambda: len(server.queries) >= 3)
            with pytest.raises(UpstreamFailure, match="no answer"):
                await upstream.ask(query())
            assert len(server.queries) == 3

            for each in server.queries:
                server.peers[0].say(answer_to(each))
            heard = [DNSRecord.parse(await end.heard()) for _ in range(3)]
            assert [str(each.q.qname) for each in heard] == ["q0.test.", "q1.test.", "q2.test."]
            server.reply = answering
            assert await upstream.ask(query()) != b""


async def test_a_question_that_is_never_answered_makes_room_in_time(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def reply(asked: bytes, peer: Peer) -> None:
        if b"silent" not in asked:
            peer.say(answer_to(asked))

    now_s = 1000.0  # a clock of its own: what is answered at once may take a busy machine longer than the patience
    monkeypatch.setattr(dns.base.stream_client, "time", SimpleNamespace(monotonic=lambda: now_s))
    monkeypatch.setattr(dns.base.stream_client, "MAX_UNDER_WAY", 5)
    monkeypatch.setattr(dns.base.stream_client, "PATIENCE_S", 0.2)
    monkeypatch.setattr(dns.base.stream_client, "LOOK_EVERY_S", 0.05)
    async with PlayedTls(certificate, reply)() as server, asked_by(certificate, server) as upstream:
        with End(upstream) as end:
            for _ in range(8):
                n_queries = len(server.queries)
                end.send(query("silent.test"))
                await until(lambda n=n_queries: len(server.queries) > n)  # type: ignore[misc]
                now_s += 0.11
                await upstream.ask(query())
                await until(lambda: len(upstream._under_way) == 1)  # it has no event for a question that is given up
            now_s += 0.11
            await until(lambda: not upstream._under_way)
    assert server.n_connections == 1


# -- the connection ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["reset", "half closed", "closed"])
async def test_what_a_lost_connection_left_unanswered_is_sent_again_over_the_next_one(
    certificate: Certificate, how: str
) -> None:
    async def reply(asked: bytes, peer: Peer) -> None:
        if len(server.queries) % 2:
            peer.say(answer_to(asked))
        elif how == "reset":
            peer.writer.transport.abort()
        else:
            peer.writer.close()

    server = PlayedTls(certificate, reply)
    async with server(), asked_by(certificate, server) as upstream:
        for i in range(3):
            asked = query(f"q{i}.test")
            assert await upstream.ask(asked) == answer_to(asked)

    assert (server.n_connections, len(server.queries)) == (3, 5)


async def test_a_question_that_ends_every_connection_is_sent_twice(certificate: Certificate) -> None:
    async def reply(asked: bytes, peer: Peer) -> None:
        if b"evil" in asked:
            peer.writer.transport.abort()
        else:
            peer.say(answer_to(asked))

    async with PlayedTls(certificate, reply)() as server, asked_by(certificate, server) as upstream:
        await upstream.ask(query())
        with pytest.raises(UpstreamFailure, match=f"tls://{HOST}:{server.port}#dns.test: no answer"):
            await upstream.ask(query("evil.test"))
        assert sum(b"evil" in each for each in server.queries) == 2

        await until(lambda: not upstream._is_pausing)
        assert await upstream.ask(query()) != b""


async def test_a_server_that_went_silent_is_left_and_connected_anew(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dns.base.stream_client, "PATIENCE_S", 0.1)
    monkeypatch.setattr(dns.base.stream_client, "LOOK_EVERY_S", 0.05)
    async with PlayedTls(certificate, silent)() as server, asked_by(certificate, server) as upstream:
        for _ in range(3):
            with pytest.raises(UpstreamFailure):
                await upstream.ask(query(), 0.3)
        server.reply = answering
        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(UpstreamFailure):
                    assert await upstream.ask(query(), 2) != b""
                    break
                await asyncio.sleep(0.05)
    told = [record.getMessage() for record in caplog.records]
    assert sum("it accepts connections and does not answer" in each for each in told) == 1


async def test_a_server_that_closes_idle_connections_is_connected_when_somebody_asks(certificate: Certificate) -> None:
    async with PlayedTls(certificate, answering)() as server, asked_by(certificate, server) as upstream:
        await upstream.ask(query())
        server.peers[0].writer.close()
        await asyncio.sleep(0.2)
        assert server.n_connections == 1

        await upstream.ask(query())
    assert server.n_connections == 2


async def test_a_server_that_comes_back_is_used_again_and_both_is_told_once(
    certificate: Certificate, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "dns.base.stream_client")
    server = PlayedTls(certificate, answering, free_port())
    async with asked_by(certificate, server) as upstream:
        for _ in range(5):
            with pytest.raises(UpstreamFailure):
                await upstream.ask(query())
            await asyncio.sleep(0.05)
        async with server():
            async with asyncio.timeout(60):
                while True:
                    with contextlib.suppress(UpstreamFailure):
                        await upstream.ask(query())
                        break
                    await asyncio.sleep(0.05)

    told = [record.getMessage() for record in caplog.records]
    at = f"dns upstream tls://{HOST}:{server.port}#dns.test"
    assert told[-1] == f"{at}: it answers"
    assert sum(each.startswith(f"{at}: ") and "not used until this is fixed" in each for each in told) == 1


async def test_while_it_cannot_be_reached_a_question_fails_at_once(certificate: Certificate) -> None:
    async with running(StreamUpstream(TlsEndpoint(HOST, free_port(), "dns.test"), certificate[0])) as upstream:
        for _ in range(3):
            async with asyncio.timeout(60):  # patience alone would be longer
                with pytest.raises(UpstreamFailure):
                    await upstream.ask(query(), 1000)


# -- whom it trusts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "is_right"),
    [("dns.test", True), ("a.dns.test", True), ("", True), ("other.test", False), ("a.b.dns.test", False)],
)
async def test_the_certificate_has_to_be_for_the_name_or_the_address(
    certificate: Certificate, name: str, is_right: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with PlayedTls(certificate, answering)() as server, asked_by(certificate, server, name) as upstream:
        if is_right:
            assert await upstream.ask(query()) != b""
            return
        for _ in range(3):
            with pytest.raises(UpstreamFailure):
                await upstream.ask(query())
            await asyncio.sleep(0.15)
    told = [record.getMessage() for record in caplog.records if record.name == "dns.base.stream_client"]
    assert len(told) == 1 and "its certificate is not trusted (Hostname mismatch" in told[0]
    assert server.queries == []


async def test_a_certificate_of_an_authority_that_is_not_trusted_is_refused(
    certificate: Certificate, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = make_certificate(tmp_path, "dns.test")
    async with PlayedTls(certificate, answering)() as server, asked_by(other, server) as upstream:
        with pytest.raises(UpstreamFailure):
            await upstream.ask(query())
    second = PlayedTls(certificate, answering)
    async with second():
        trusting = StreamUpstream(TlsEndpoint(HOST, second.port, "dns.test"), None)  # whom the system trusts
        async with running(trusting):
            with pytest.raises(UpstreamFailure):
                await trusting.ask(query())

    assert server.queries == second.queries == []
    assert (
        sum("its certificate is not trusted (self-signed certificate)" in each.getMessage() for each in caplog.records)
        == 2
    )


async def test_who_speaks_no_tls_hears_no_question(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    heard = bytearray()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            heard.extend(data)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(echo, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    async with server, running(StreamUpstream(TlsEndpoint(HOST, port, "dns.test"), certificate[0])) as upstream:
        with pytest.raises(UpstreamFailure):
            await upstream.ask(query("secret.test"))

    assert heard[0] == 22 and b"secret" not in heard
    assert "no TLS (" in caplog.text


async def test_who_takes_connections_and_says_nothing_is_left_in_time(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dns.base.stream_client, "CONNECT_S", 0.1)
    with socket.create_server((HOST, 0)) as listener:
        endpoint = TlsEndpoint(HOST, listener.getsockname()[1], "dns.test")
        async with running(StreamUpstream(endpoint, certificate[0])) as upstream:
            with pytest.raises(UpstreamFailure):
                await upstream.ask(query())
    assert "TimeoutError" in caplog.text


@pytest.mark.parametrize(
    ("text", "said"), [(None, "No such file or directory"), ("no certificate", "NO_CERTIFICATE_OR_CRL_FOUND")]
)
def test_authorities_that_cannot_be_read_are_told(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "ca.pem").write_text(text)

    with pytest.raises(BadCertificate, match=rf"dns upstreams: .*ca\.pem: {said}; not started; put PEM"):
        StreamUpstream(TlsEndpoint(HOST, 853), tmp_path / "ca.pem")


async def test_ends_that_are_opened_later_are_read_too_and_all_are_closed(certificate: Certificate) -> None:
    async with PlayedTls(certificate, answering)() as server:
        async with asked_by(certificate, server) as upstream:
            await asyncio.sleep(0)
            with End(upstream) as end:
                end.send(asked := query())
                assert await end.heard() == answer_to(asked)
                kept = socket.socket(fileno=end.detach())
        with kept, pytest.raises(ConnectionRefusedError):
            kept.send(asked)
