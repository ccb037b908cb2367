"""NOTIFY by real primaries, and by whoever."""

import asyncio
import contextlib
from pathlib import Path

import pytest
from support.dns.primaries import HOST, ZONE, primary, records
from support.system.ports import free_port

from dns.base.message import Question, read_message, write_message
from dns.base.wire_format import AA, FORMERR, NOERROR, NOTAUTH, NOTIFY, QR, REFUSED, SOA
from dns.zones.notify_in import NotifyReceiver, SecondaryZone, listening
from dns.zones.tsig import AnswerChecker, Key, find_tsig, read_key, sign_query
from fastpath.wire.name import to_wire

NOW = 1_800_000_000
APEX = to_wire(ZONE.encode())
KEY = Key(b"\1k\0", "hmac-sha256", bytes(32))
NOTIFICATION = write_message(7, AA | NOTIFY << 11, [Question(APEX, SOA)])


@pytest.fixture
def told() -> list[bytes]:
    return []


@pytest.fixture
def receiver(told: list[bytes]) -> NotifyReceiver:
    return NotifyReceiver(lambda: {APEX: SecondaryZone(frozenset({"192.0.2.54"}), KEY)}, told.append)


def answered(receiver: NotifyReceiver, octets: bytes, host: str, now_s: int) -> bytes:
    answer = receiver.answer(octets, host, now_s)
    assert answer is not None
    return answer


def test_a_primary_is_believed_unsigned_and_answered(receiver: NotifyReceiver, told: list[bytes]) -> None:
    answer = read_message(answered(receiver, NOTIFICATION, "192.0.2.54", NOW))

    assert (answer.id, answer.flags, answer.rcode) == (7, QR | AA | NOTIFY << 11, NOERROR)
    assert answer.questions == [Question(APEX, SOA)]
    assert told == [APEX]


def test_a_signature_is_answered_with_one(receiver: NotifyReceiver, told: list[bytes]) -> None:
    signed, mac = sign_query(NOTIFICATION, KEY, NOW)
    checker = AnswerChecker(KEY, mac)

    assert read_message(checker.check(answered(receiver, signed, "192.0.2.54", NOW), NOW)).rcode == NOERROR
    checker.finish()
    assert told == [APEX]


@pytest.mark.parametrize("key", [Key(b"\1o\0", "hmac-sha256", bytes(32)), Key(b"\1k\0", "hmac-sha256", b"x" * 32)])
def test_a_wrong_signature_is_told_and_nothing_is_asked(receiver: NotifyReceiver, told: list[bytes], key: Key) -> None:
    answer = answered(receiver, sign_query(NOTIFICATION, key, NOW)[0], "192.0.2.54", NOW)

    assert read_message(answer).rcode == NOTAUTH
    assert find_tsig(answer).error in (16, 17)
    assert told == []


def test_a_stranger_and_a_zone_of_nobody_are_refused(receiver: NotifyReceiver, told: list[bytes]) -> None:
    other = write_message(7, NOTIFY << 11, [Question(b"\5other\0", SOA)])

    assert read_message(answered(receiver, NOTIFICATION, "192.0.2.55", NOW)).rcode == REFUSED
    assert read_message(answered(receiver, other, "192.0.2.54", NOW)).rcode == REFUSED
    assert told == []


@pytest.mark.parametrize("octets", [b"", bytes(11), NOTIFICATION[:2] + b"\xa4" + NOTIFICATION[3:], bytes(12)])
def test_what_is_no_notify_gets_no_answer(receiver: NotifyReceiver, told: list[bytes], octets: bytes) -> None:
    assert receiver.answer(octets, "192.0.2.54", NOW) is None
    assert told == []


@pytest.mark.parametrize(
    "octets",
    [
        *(NOTIFICATION[:end] for end in range(12, len(NOTIFICATION))),
        NOTIFICATION + b"\0",
        write_message(7, NOTIFY << 11, [Question(APEX, 1)]),
        write_message(7, NOTIFY << 11, []),
        write_message(7, NOTIFY << 11, [Question(APEX, SOA)] * 2),
    ],
)
def test_what_is_malformed_is_a_format_error(receiver: NotifyReceiver, told: list[bytes], octets: bytes) -> None:
    assert read_message(answered(receiver, octets, "192.0.2.54", NOW)).rcode == FORMERR
    assert told == []


def test_over_tcp_who_says_too_much_or_nothing_is_let_go(told: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dns.zones.notify_in.PATIENCE_S", 60.0)  # nobody is let go for being silent

    async def run() -> None:
        port = free_port()
        zones = {APEX: SecondaryZone(frozenset({HOST}), None)}
        async with listening([(HOST, port)], lambda: zones, told.append):
            reader, writer = await asyncio.open_connection(HOST, port)
            for _ in range(2):
                writer.write(len(NOTIFICATION).to_bytes(2, "big") + NOTIFICATION)
                answer = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
                assert read_message(answer).rcode == NOERROR
            writer.write(b"\xff\xff")
            assert await reader.read() == b""
            writer.close()
            silent = [await asyncio.open_connection(HOST, port) for _ in range(25)]
            ends = [asyncio.wait_for(reader.read(), 60) for reader, _ in silent[20:]]
            assert await asyncio.gather(*ends) == [b""] * 5
            for _, writer in silent:
                writer.transport.abort()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()

    asyncio.run(run())
    assert told == [APEX] * 2


def test_an_address_that_is_not_ours_is_told() -> None:
    async def run() -> None:
        async with listening([("192.0.2.77", 5300)], dict, lambda apex: None):
            pass

    with pytest.raises(OSError) as caught:
        asyncio.run(run())
    assert "192.0.2.77" in caught.value.__notes__[0]


@pytest.mark.services
@pytest.mark.parametrize("kind", ["bind", "knot", "nsd"])
def test_a_change_is_told_by(kind: str, tmp_path: Path) -> None:
    port = free_port()

    async def run() -> None:
        heard = asyncio.Event()
        with primary(kind, tmp_path / kind, records(["a.example"]), notify_port=port) as server:
            zones = {APEX: SecondaryZone(frozenset({HOST}), read_key(server.key))}
            async with listening([(HOST, port)], lambda: zones, lambda apex: heard.set()):
                if kind == "nsd":
                    server.reload(2, records(["a.example", "b.example"]))
                else:
                    await asyncio.to_thread(server.update, f"update add b.example.{ZONE} 60 CNAME .")
                await asyncio.wait_for(heard.wait(), 60)

    asyncio.run(run())
