"""Zones of real primaries, with and without TSIG and TLS, and primaries that lie."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pytest
from support.dns.primaries import HOST, ZONE, PrimaryServer, primary, records
from support.lists.server import authority, server_context
from support.system.ports import free_port

from dns.base.endpoints import Endpoint
from dns.base.errors import TransferFailure
from dns.base.message import Question, Record, read_message, write_message
from dns.base.wire_format import AXFR, CNAME, IXFR, QR, SOA, TC, A
from dns.zones.ixfr import Kind
from dns.zones.tsig import AnswerSigner, Key, check_query, read_key
from dns.zones.xfr_in import Limits, Primary, ZoneTransfer, tls_context, transfer
from fastpath.wire.name import to_wire

APEX = to_wire(ZONE.encode())
NAMES = [f"n{number}.example" for number in range(2000)]
BODY = records(NAMES) + "m.example A 192.0.2.1\n"
KEY = read_key("hmac-sha256:k.test:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
PATIENT = Limits(seconds=5.0)
Answers = Callable[[bytes], Iterable[bytes | bytearray | None]]


def ask(
    server: PrimaryServer, serial: int | None, key: str = "", limits: Limits = PATIENT
) -> tuple[ZoneTransfer, list[Record]]:
    """(ZoneTransfer, what came whole)."""
    whole: list[Record] = []
    shared = read_key(key or server.key) if key or server.key else None
    found = asyncio.run(transfer(Primary(Endpoint(HOST, server.port), shared), APEX, serial, whole.append, limits))
    return found, whole


def ask_until_newer(server: PrimaryServer, serial: int) -> tuple[ZoneTransfer, list[Record]]:
    deadline = time.monotonic() + 60
    while True:
        found, whole = ask(server, serial)
        if found.kind is not Kind.CURRENT:
            return found, whole
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.services
@pytest.mark.parametrize("algorithm", ["hmac-sha256", "hmac-sha384", "hmac-sha512", None])
@pytest.mark.parametrize("kind", ["bind", "knot", "nsd"])
def test_a_zone_and_what_changes_in_it_come_from(kind: str, algorithm: str | None, tmp_path: Path) -> None:
    with primary(kind, tmp_path / kind, BODY, algorithm) as server:
        found, whole = ask(server, None)
        assert (found.kind, found.serial) == (Kind.WHOLE, 1)
        assert len({record.owner for record in whole if record.rtype == CNAME}) == 2 * len(NAMES)
        assert (whole[0].rtype, [each.rdata for each in whole if each.rtype == A]) == (SOA, [bytes([192, 0, 2, 1])])
        assert ask(server, 1)[0].kind is Kind.CURRENT

        change(server)
        found, whole = ask_until_newer(server, 1)

    assert (found.kind, found.changes[0].old_serial) == (Kind.CHANGES, 1)
    removed = {record.owner for each in found.changes for record in each.removed}
    added = {record.owner for each in found.changes for record in each.added}
    assert b"\2n1\7example" + APEX in removed and b"\3new\7example" + APEX in added


def change(server: PrimaryServer) -> None:
    if server.kind == "nsd":
        server.reload(2, BODY.replace("n1.example CNAME", "new.example CNAME"))
        return
    server.update(f"update delete n1.example.{ZONE} CNAME", f"update add new.example.{ZONE} 60 CNAME .")


@pytest.mark.services
@pytest.mark.parametrize("algorithm", ["hmac-sha256", None])
def test_powerdns_gives_the_whole_zone_whatever_it_is_asked_for(algorithm: str | None, tmp_path: Path) -> None:
    with primary("powerdns", tmp_path / "powerdns", BODY, algorithm) as server:
        found, whole = ask(server, None)
        assert (found.kind, found.serial, whole[0].rtype) == (Kind.WHOLE, 1, SOA)
        assert len({record.owner for record in whole if record.rtype == CNAME}) == 2 * len(NAMES)
        assert ask(server, 1)[0].kind is Kind.CURRENT
        server.reload(2, records(["new.example"]))
        found, whole = ask_until_newer(server, 1)

    assert (found.kind, found.serial, len(whole)) == (Kind.WHOLE, 2, 4)


@pytest.mark.services
@pytest.mark.parametrize("kind", ["bind", "knot", "nsd"])
def test_a_wrong_key_is_told(kind: str, tmp_path: Path) -> None:
    other = "hmac-sha256:transfer.test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    with primary(kind, tmp_path / kind, BODY) as server:
        for key in (other, other.replace("transfer", "another")):
            with pytest.raises(TransferFailure, match=r"BADSIG|BADKEY|not signed"):
                ask(server, None, key)
            with pytest.raises(TransferFailure, match=r"BADSIG|BADKEY|not signed"):
                ask(server, 1, key)


@pytest.mark.services
def test_a_primary_with_another_clock_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with primary("bind", tmp_path / "bind", BODY) as server:
        now = time.time()
        monkeypatch.setattr("dns.zones.xfr_in.time.time", lambda: now - 1000)
        with pytest.raises(TransferFailure, match="BADTIME: says the server: its clock is at"):
            ask(server, None)


@pytest.mark.services
def test_a_primary_without_ixfr_is_asked_for_the_whole_zone_and_only_where_it_is_newer(tmp_path: Path) -> None:
    with primary("bind", tmp_path / "bind", BODY, more="provide-ixfr no;") as server:
        assert ask(server, 1)[0].kind is Kind.CURRENT
        change(server)
        assert ask_until_newer(server, 1)[0].kind is Kind.WHOLE


@pytest.mark.services
def test_a_zone_comes_over_tls_from_knot(tmp_path: Path) -> None:
    lab = authority(tmp_path / "ca")
    certificate, key = lab.issue("ns.vendor.test")
    tls_port = free_port()
    tls: dict[str, str | Path] = {"listen-tls": f"{HOST}@{tls_port}", "cert-file": certificate, "key-file": key}
    with primary("knot", tmp_path / "knot", BODY, tls=tls) as server:
        context = tls_context(lab.certificate, None, None)
        good = Primary(Endpoint(HOST, tls_port), read_key(server.key), context, "ns.vendor.test")
        whole: list[Record] = []
        found = asyncio.run(transfer(good, APEX, None, whole.append, PATIENT))

    assert (found.kind, len(whole)) == (Kind.WHOLE, 2 * len(NAMES) + 3)


@pytest.mark.services
def test_a_zone_comes_over_tls_from_bind(tmp_path: Path) -> None:
    lab = authority(tmp_path / "ca")
    certificate, key = lab.issue("ns.vendor.test")
    tls_port = free_port()
    options = f"listen-on port {tls_port} tls lab {{ {HOST}; }};"
    head = f'tls lab {{ cert-file "{certificate}"; key-file "{key}"; protocols {{ TLSv1.3; }}; }};'
    with primary("bind", tmp_path / "bind", BODY, more=options, head=head) as server:
        at = Endpoint(HOST, tls_port)
        good = Primary(at, read_key(server.key), tls_context(lab.certificate, None, None), "ns.vendor.test")
        whole: list[Record] = []
        found = asyncio.run(transfer(good, APEX, None, whole.append, PATIENT))
        assert (found.kind, len(whole)) == (Kind.WHOLE, 2 * len(NAMES) + 3)
        others = [
            Primary(at, good.key, good.tls, "other.test"),
            Primary(at, good.key, tls_context(None, None, None), "ns.vendor.test"),
        ]
        for other in others:
            with pytest.raises(TransferFailure, match="TLS"):
                asyncio.run(transfer(other, APEX, None, whole.append, PATIENT))


def test_tls_is_of_version_1_3_and_says_dot() -> None:
    assert tls_context(None, None, None).minimum_version is ssl.TLSVersion.TLSv1_3


@pytest.mark.services
def test_a_server_that_speaks_no_dot_is_still_checked_by_its_name(tmp_path: Path) -> None:
    lab = authority(tmp_path / "ca")

    async def run() -> None:
        server = await asyncio.start_server(lambda *_: None, HOST, 0, ssl=server_context(lab.issue("ns.vendor.test")))
        async with server:
            at = Endpoint(HOST, server.sockets[0].getsockname()[1])
            other = Primary(at, None, tls_context(lab.certificate, None, None), "wrong.test")
            await transfer(other, APEX, None, lambda record: None, PATIENT)

    with pytest.raises(TransferFailure, match="TLS"):
        asyncio.run(run())


# --------------------------------------------------------------------------------------------------- primaries that lie


def soa(serial: int) -> Record:
    return Record(APEX, SOA, 1, 60, b"\0\0" + serial.to_bytes(4, "big") + bytes(16))


def rule(number: int) -> Record:
    return Record(b"\4%04d" % number + APEX, CNAME, 1, 60, b"\0")


@contextlib.asynccontextmanager
async def lying(answers: Answers) -> AsyncIterator[Endpoint]:
    """A primary of which each connection gets answers(query) → octets of messages, None for what never comes."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            octets = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
            for each in answers(octets):
                if each is None:
                    await reader.read()  # until the other side goes
                    return
                writer.write(each if isinstance(each, bytearray) else len(each).to_bytes(2, "big") + each)
            await writer.drain()

    server = await asyncio.start_server(converse, HOST, 0)
    async with server:
        yield Endpoint(HOST, server.sockets[0].getsockname()[1])


def lied(answers: Answers, serial: int | None = None, key: Key | None = None, limits: Limits = PATIENT) -> ZoneTransfer:
    async def run() -> ZoneTransfer:
        async with lying(answers) as at:
            return await transfer(Primary(at, key), APEX, serial, lambda record: None, limits)

    return asyncio.run(run())


def said(
    octets: bytes, records: Sequence[Record], id: int | None = None, flags: int = QR, q: list[Question] | None = None
) -> bytes:
    query = read_message(octets)
    return write_message(query.id if id is None else id, flags, query.questions if q is None else q, records)


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        (lambda q: [said(q, [soa(1)], id=1 ^ read_message(q).id)], "no answer to our request"),
        (lambda q: [said(q, [soa(1)], flags=0)], "no answer to our request"),
        (lambda q: [said(q, [soa(1)], flags=QR | TC)], "no answer to our request"),
        (lambda q: [said(q, [soa(1)], flags=QR | 5)], "REFUSED for rpz.test"),
        (lambda q: [said(q, [soa(1)], flags=QR | 9)], "NOTAUTH"),
        (lambda q: [said(q, [soa(1)], q=[])], "another question"),
        (lambda q: [said(q, [])], "without a record"),
        (lambda q: [said(q, [rule(1)])], "where a SOA belongs"),
        (lambda q: [said(q, [soa(1), rule(1)])], "closed in the middle"),
        (lambda q: [said(q, [soa(1), rule(1)]), said(q, [rule(2), soa(2)])], "it began with 1"),
        (lambda q: [b"", b"x"], "octets, a header has"),
        (lambda q: [said(q, [soa(1)])[:-3]], "cut off"),
        (lambda q: [bytearray(b"\0")], "closed in the middle"),
        (lambda q: [bytearray(b"\xff\xff")], "closed in the middle"),
        (lambda q: [], "closed in the middle"),
        (lambda q: [said(q, [soa(1)]), None], "no end of the transfer within 0.3 s"),
    ],
)
def test_a_lying_or_broken_primary_is_told(answers: Answers, why: str) -> None:
    with pytest.raises(TransferFailure, match=why):
        lied(answers, limits=Limits(seconds=0.3))


def test_a_primary_without_end_meets_the_cap_of_octets() -> None:
    def answers(octets: bytes) -> Iterator[bytes]:
        yield said(octets, [soa(1)])
        for number in range(15):
            yield said(octets, [rule(number)] * 1000)

    with pytest.raises(TransferFailure, match="more than 256 KiB"):
        lied(answers, limits=Limits(5.0, 1 << 18))


def test_an_older_serial_is_told_and_nothing_is_taken() -> None:
    with pytest.raises(TransferFailure, match="its serial 4 is older than ours, 5"):
        lied(lambda octets: [said(octets, [soa(4)])], 5)


def test_a_refused_ixfr_falls_back_to_a_question_for_the_soa_and_the_whole_zone() -> None:
    asked = []

    def answers(octets: bytes) -> list[bytes]:
        question = read_message(octets).questions[0]
        asked.append(question.qtype)
        if question.qtype == IXFR:
            return [said(octets, [], flags=QR | 4)]
        return [said(octets, [soa(6)] if question.qtype == SOA else [soa(6), rule(1), soa(6)])]

    assert lied(answers, 5).kind is Kind.WHOLE
    assert asked == [IXFR, SOA, AXFR]
    assert lied(answers, 6).kind is Kind.CURRENT


def test_our_serial_stands_in_the_request() -> None:
    asked = []

    def answers(octets: bytes) -> list[bytes]:
        asked.append(read_message(octets).authorities[0].rdata[-20:-16])
        return [said(octets, [soa(5)])]

    lied(answers, 5)
    assert asked == [(5).to_bytes(4, "big")]


def test_with_a_key_the_last_message_has_to_be_signed_and_nothing_may_be_changed() -> None:
    def answers(octets: bytes, forge: Callable[[AnswerSigner, bytes], bytes]) -> list[bytes]:
        asked = check_query(octets, {KEY.name: KEY}, int(time.time()))
        signer = AnswerSigner(KEY, asked.mac)
        first = signer.sign(said(asked.message, [soa(1), rule(1)]), int(time.time()))
        last = said(asked.message, [rule(2), soa(1)])
        return [first, forge(signer, last)]

    def unsigned(_signer: AnswerSigner, last: bytes) -> bytes:
        return last

    def changed(signer: AnswerSigner, last: bytes) -> bytes:
        signed = signer.sign(last, int(time.time()))
        return signed.replace(b"0002", b"0003")

    def right(signer: AnswerSigner, last: bytes) -> bytes:
        return signer.sign(last, int(time.time()))

    assert lied(lambda octets: answers(octets, right), key=KEY).kind is Kind.WHOLE
    with pytest.raises(TransferFailure, match="the last message is not signed"):
        lied(lambda octets: answers(octets, unsigned), key=KEY)
    with pytest.raises(TransferFailure, match="BADSIG: the MAC is not that of key"):
        lied(lambda octets: answers(octets, changed), key=KEY)


def test_nobody_at_the_address_is_told() -> None:
    with pytest.raises(TransferFailure, match=r"127\.0\.0\.1:1"):
        asyncio.run(transfer(Primary(Endpoint(HOST, 1)), APEX, None, lambda record: None, PATIENT))
