"""Messages of DNS, and what their answers say."""

import asyncio

import pytest
from dnslib import EDNS0, QTYPE, RR, A, DNSRecord, EDNSOption
from support.system.ports import free_port

from filterd.commands.verifier.dns_client import DnsQuestion, ask_tcp, ask_udp, message_of, read_answer
from filterd.commands.verifier.seen import Observation

BAD = DnsQuestion(7, "bad.example")


def answer_to(query: bytes, *, ede: int | None = None, address: str = "192.0.2.80") -> bytes:
    """As a resolver gives it."""
    record = DNSRecord.parse(query).reply()
    record.add_answer(RR(record.q.qname, QTYPE.A, rdata=A(address), ttl=60))
    if ede is not None:
        record.add_ar(EDNS0(udp_len=1232, opts=[EDNSOption(15, ede.to_bytes(2) + b"text")]))
    return bytes(record.pack())


def test_an_answer_is_read_with_its_addresses_and_its_extended_error() -> None:
    seen = read_answer(BAD, answer_to(message_of(BAD, 9), ede=16))
    assert (seen.at, seen.kind, seen.rcode, seen.ede, seen.data) == (7, "answer", 0, [16], ["192.0.2.80"])


@pytest.mark.parametrize("cut", [0, 1, 11, 12, 20, 40])
def test_an_answer_that_is_cut_off_is_a_fault_or_says_less_and_never_raises(cut: int) -> None:
    assert read_answer(BAD, answer_to(message_of(BAD, 9), ede=16)[:cut]).kind in ("fault", "answer")


def test_an_answer_without_a_question_is_a_fault() -> None:
    assert read_answer(BAD, b"\0\t\x81\x80" + bytes(8)).kind == "fault"


def test_an_answer_to_another_question_is_a_fault() -> None:
    assert read_answer(BAD, answer_to(message_of(DnsQuestion(1, "other.example"), 9))).kind == "fault"


class Resolver(asyncio.DatagramProtocol):
    """Answers each query with the wrong id first, and loses the first of all."""

    def __init__(self) -> None:
        self.n = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.n += 1
        if self.n > 1:
            assert isinstance(self.transport, asyncio.DatagramTransport)
            self.transport.sendto(b"\xff\xff" + answer_to(data, address="192.0.2.1")[2:], addr)
            self.transport.sendto(answer_to(data), addr)


@pytest.mark.services
async def test_over_udp_an_answer_of_another_id_is_passed_over_and_a_lost_query_is_sent_again() -> None:
    seen: list[Observation] = []
    server = "127.0.0.1", free_port()
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Resolver, local_addr=server)
    await ask_udp([BAD], server, seen.append)
    transport.close()
    assert [(each.at, each.data) for each in seen] == [(7, ["192.0.2.80"])]


@pytest.mark.services
async def test_over_tcp_answers_come_in_any_order_and_what_is_missing_is_silent() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        queries = [await reader.readexactly(int.from_bytes(await reader.readexactly(2))) for _ in range(3)]
        for query in (queries[2], queries[0]):
            octets = answer_to(query)
            writer.write(len(octets).to_bytes(2) + octets)
        writer.close()

    seen: list[Observation] = []
    server = "127.0.0.1", free_port()
    async with await asyncio.start_server(serve, *server):
        await ask_tcp([DnsQuestion(at, f"{at}.example") for at in (1, 2, 3)], server, seen.append)
    assert [(each.at, each.kind) for each in seen] == [(3, "answer"), (1, "answer"), (2, "silence")]


@pytest.mark.services
async def test_where_no_one_listens_there_is_no_path() -> None:
    seen: list[Observation] = []
    await ask_tcp([BAD], ("127.0.0.1", free_port()), seen.append)
    assert [each.kind for each in seen] == ["no_path"]
