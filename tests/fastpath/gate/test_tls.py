"""TLS through the gate: however a hello arrives, the segment that completes it has the verdict."""

import pytest
from support.gate.lab import (
    ALLOWED,
    APPDATA,
    ARRIVALS,
    BLOCKED,
    CCS,
    DECOY,
    DROPPED,
    PARTIAL,
    PARTIAL_SPOKEN,
    REAL,
    RELEASED,
    SPOKEN,
    Lab,
    cut,
)
from support.packets.builders import RST, Client, hello, hello_message, records

from fastpath.wire.packet import packet as parse


@pytest.mark.parametrize("client", [Client(), Client("2001:db8::1", "2001:db8:1::1")], ids=["v4", "v6"])
def test_a_listed_name_is_blocked_and_the_server_is_reset_where_it_stands(lab: Lab, client: Client) -> None:
    octets = hello(b"www.BLOCKED.test")

    assert lab.send_all(client, cut(octets, 50)) == BLOCKED
    [injected] = lab.gate.injected()
    reset = parse(injected)
    assert reset is not None
    assert (reset.dport, reset.sport, reset.seq, reset.flags & RST) == (443, 40000, client.isn + 50, RST)
    assert lab.counted("gate_blocked") == 1
    assert lab.counted("gate_rst_sent") == 1


def test_an_allowed_name_is_released_only_where_the_server_has_the_octets_behind_it(lab: Lab) -> None:
    octets = hello(b"www.allowed.test")
    end = len(octets + CCS + APPDATA)

    assert lab.send(Client(), 0, octets) == ALLOWED
    assert lab.send(Client(), 0, octets, ALLOWED) == ALLOWED
    assert lab.send(Client(), 0, octets, SPOKEN) == SPOKEN
    assert lab.send(Client(), len(octets), CCS + APPDATA, SPOKEN) == SPOKEN
    assert lab.is_asking
    assert lab.answer(Client(), len(octets), b"x") == SPOKEN  # the octets behind the hello may be a decoy's
    assert lab.send(Client(), end, APPDATA, SPOKEN) == SPOKEN
    assert lab.answer(Client(), end) == SPOKEN
    assert lab.send(Client(), end, APPDATA, SPOKEN) == RELEASED
    assert lab.send(Client(), end + len(APPDATA), APPDATA, SPOKEN) == RELEASED
    assert lab.gate.injected() == []
    assert lab.counted("gate_released") == 1


def test_a_server_s_answer_to_the_octets_behind_an_allowed_name_releases_it(lab: Lab) -> None:
    octets = hello(b"www.allowed.test") + CCS + APPDATA

    assert lab.send(Client(), 0, octets) == ALLOWED
    assert lab.answer(Client(), len(octets), b"x") == RELEASED
    assert lab.counted("gate_released") == 1


def test_a_decoy_behind_a_hello_does_not_release_a_second_one(lab: Lab) -> None:
    assert lab.send(Client(), 0, DECOY) == ALLOWED
    assert lab.answer(Client(), len(DECOY), b"a HelloRetryRequest") == SPOKEN
    assert lab.send(Client(), len(DECOY), APPDATA, SPOKEN) == SPOKEN
    assert lab.send(Client(), len(DECOY), REAL, SPOKEN) == BLOCKED
    assert lab.counted("gate_overlap") == 1


def versioned(name: bytes, version: bytes, size: int = 16384) -> bytes:
    """A hello in records of this version."""
    message = hello_message(name)
    return b"".join(b"\x16" + version + records(message[at : at + size])[3:] for at in range(0, len(message), size))


@pytest.mark.parametrize("between", [b"", CCS, CCS[:1] + b"\0\0" + CCS[3:]], ids=["", "ccs", "ccs of version 0"])
@pytest.mark.parametrize("size", [16384, 9], ids=["one record", "records of 9"])
@pytest.mark.parametrize("version", [b"\0\0", b"\x02\x03", b"\xff\xff", b"\x03\x03"])
def test_a_second_hello_is_judged_whatever_the_version_of_its_records(
    lab: Lab, closed_lab: Lab, version: bytes, size: int, between: bytes
) -> None:
    first = hello(b"www.allowed.test")
    for each in (lab, closed_lab):
        for port, (name, verdict) in enumerate(((b"www.blocked.test", BLOCKED), (b"www.other.test", SPOKEN)), 40_000):
            client = Client(sport=port)
            assert each.send(client, 0, first) == ALLOWED
            assert each.answer(client, len(first), b"a HelloRetryRequest") == SPOKEN
            assert each.send(client, len(first), between + versioned(name, version, size), SPOKEN) == verdict
        assert each.counted("gate_hellos") == 4


@pytest.mark.parametrize(
    ("follows", "is_read"),
    [
        (APPDATA, True),
        (records(b"\x10\x00\x00\x21" + bytes(33)), True),
        (CCS + records(b"\xf3" * 40), True),
        (records(b"\x01\x00", kind=24), True),
        (b"\x16\x03\x01" + (16385).to_bytes(2) + hello_message(b"www.blocked.test", padding=16_000), False),
        (b"\x80\x2e\x01\x03\x01" + bytes(44), False),
    ],
    ids=["data", "key exchange", "encrypted message", "heartbeat", "too long a record", "an old record"],
)
def test_what_follows_a_hello_and_cannot_be_read_is_undecidable(
    lab: Lab, closed_lab: Lab, follows: bytes, is_read: bool
) -> None:
    for each in (lab, closed_lab):
        assert each.send(Client(), 0, DECOY) == ALLOWED
        assert each.answer(Client(), len(DECOY), b"a HelloRetryRequest") == SPOKEN
        verdict = SPOKEN if is_read or each is lab else BLOCKED
        assert each.send(Client(), len(DECOY), follows, SPOKEN) == verdict
        assert each.counted("gate_not_tls") == (0 if is_read else 1)


@pytest.mark.parametrize("n", [1, 3, 4, 60])
@pytest.mark.parametrize("name", [b"www.blocked.test", b"www.other.test"])
def test_a_second_hello_that_begins_in_the_record_of_the_first_is_blocked_in_either_policy(
    lab: Lab, closed_lab: Lab, name: bytes, n: int
) -> None:
    for each in (lab, closed_lab):
        assert each.send(Client(), 0, records(hello_message(b"www.allowed.test") + hello_message(name)[:n])) == BLOCKED
        assert each.counted("gate_malformed") == 1


def test_a_keep_alive_behind_a_hello_ends_no_connection(lab: Lab) -> None:
    octets = hello(b"www.allowed.test", padding=3)[:-1] + b"x"
    assert lab.send(Client(), 0, octets) == ALLOWED

    assert lab.send(Client(), len(octets) - 1, b"\0", ALLOWED) == DROPPED  # a decoy may have stood there
    assert lab.answer(Client(), len(octets)) == SPOKEN
    assert lab.send(Client(), len(octets) - 1, b"\0", SPOKEN) == SPOKEN
    assert lab.send(Client(), len(octets), CCS + APPDATA, SPOKEN) == SPOKEN
    assert lab.answer(Client(), len(octets + CCS + APPDATA), b"x") == RELEASED


def test_a_keep_alive_of_a_connection_without_any_octet_passes(lab: Lab) -> None:
    assert lab.send(Client(), -1, b"\0") == PARTIAL
    assert lab.send(Client(), 0, hello(b"www.allowed.test")) == ALLOWED


def test_early_data_does_not_release_a_flow_before_the_server_has_spoken(lab: Lab) -> None:
    octets = hello(b"www.allowed.test")

    assert lab.send(Client(), 0, octets + APPDATA) == ALLOWED
    assert lab.send(Client(), len(octets + APPDATA), APPDATA * 800, ALLOWED) == ALLOWED
    assert lab.answer(Client(), len(octets + APPDATA), state=ALLOWED) == ALLOWED
    assert lab.send(Client(), len(octets + APPDATA * 801), APPDATA, ALLOWED) == ALLOWED
    assert lab.send(Client(), len(octets + APPDATA * 802), APPDATA, SPOKEN) == RELEASED


READINGS = {
    "one record": hello_message,
    "records of 20": lambda name: records(hello_message(name), 20),
    "records of one": lambda name: records(hello_message(name), 1),
    "change_cipher_spec first": lambda name: CCS + hello(name),
}


@pytest.mark.parametrize("arrival", ARRIVALS)
@pytest.mark.parametrize("reading", READINGS)
def test_how_a_hello_arrives_does_not_change_the_verdict(lab: Lab, arrival: str, reading: str) -> None:
    build = READINGS[reading] if reading != "one record" else hello
    listed = ARRIVALS[arrival](build(b"www.blocked.test"))
    other = ARRIVALS[arrival](build(b"www.allowed.test"))

    assert lab.send_all(Client(), listed) == BLOCKED
    assert lab.send_all(Client(sport=40001), other) == ALLOWED


@pytest.mark.parametrize("arrival", ARRIVALS)
@pytest.mark.parametrize("name", [b"www.blocked.test", b"www.allowed.test"])
@pytest.mark.parametrize("front", [[], [(-100_000, DECOY)], [(100_000, DECOY)], [(-100_000, b"junk")]])
def test_a_hello_is_blocked_where_nobody_knows_which_octets_the_server_takes(
    lab: Lab, arrival: str, name: bytes, front: list[tuple[int, bytes]]
) -> None:
    assert lab.send_all(Client(isn=1 << 20), front + ARRIVALS[arrival](hello(name)), isn=False) == BLOCKED
    assert lab.counted("gate_forgotten") >= 1


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("n_junk", [1, 5, 6, 20, 5000])
def test_octets_in_front_that_the_server_throws_away_hide_no_hello(lab: Lab, reading: str, n_junk: int) -> None:  # E04
    octets = (READINGS[reading] if reading != "one record" else hello)(b"www.blocked.test")
    stream = bytes(n % 200 + 30 for n in range(n_junk)) + octets
    step = len(octets) // 3
    together, apart = Client(sport=1, isn=1 << 20), Client(sport=2, isn=1 << 20)

    assert lab.send_all(together, cut(stream, n_junk + 60), isn=False) == BLOCKED
    # each piece covers octets that were there before
    pieces = [(max(0, at - n_junk), stream[max(0, at - n_junk) : at + step]) for at in range(0, len(stream), step)]
    assert lab.send_all(apart, pieces, isn=False) == BLOCKED


def test_encrypted_octets_that_look_like_a_hello_at_a_glance_end_no_connection(lab: Lab) -> None:
    glances = b"\x16\x03\x03\x00\x28\x02" * 500 + b"\x16\x03\xff\xff\xff\x01" * 500

    assert lab.send_all(Client(), [(0, records(glances, kind=23))], isn=False) == ALLOWED


def test_a_segment_apart_is_blocked_where_nobody_knows_which_octets_the_server_takes(lab: Lab) -> None:
    assert lab.send(Client(), 0, APPDATA, isn=False) == ALLOWED
    assert lab.send(Client(), 9000, APPDATA, ALLOWED, isn=False) == BLOCKED


def test_a_connection_that_is_taken_up_behind_its_hello_goes_on(lab: Lab) -> None:
    assert lab.send_all(Client(), [(at, APPDATA) for at in range(0, 200_000, len(APPDATA))], isn=False) == ALLOWED


@pytest.mark.parametrize("isn", [1, 0xFFFFFF00, 0xFF_FFF0, (1 << 24) + 1])
def test_every_split_of_a_hello_is_blocked_with_its_last_segment(lab: Lab, isn: int) -> None:
    octets = hello(b"www.blocked.test")
    for at in range(1, len(octets)):
        client = Client(sport=1000 + at, isn=isn)

        assert lab.send(client, 0, octets[:at]) == PARTIAL
        assert lab.send(client, at, octets[at:], PARTIAL) == BLOCKED


EVASIONS: dict[str, list[tuple[int, bytes]]] = {
    "decoy first": [(0, DECOY), (0, REAL)],
    "decoy and early data first": [(0, DECOY + APPDATA), (0, REAL)],
    "decoy piece on the name": [(0, REAL[:60]), (60, DECOY[60:]), (60, REAL[60:])],
    "decoy behind a gap": [(60, DECOY[60:]), (0, REAL[:60]), (60, REAL[60:])],
    "junk first": [(0, bytes(len(REAL))), (0, REAL)],
    "old sequence number": [(-100000, DECOY), (0, REAL)],
    "old and contiguous": [(-len(DECOY), DECOY), (0, REAL)],
    "2**24 before": [(-(1 << 24), DECOY), (0, REAL)],
    "far ahead": [(40000, DECOY), (0, REAL)],
    "ahead at its own length": [(len(REAL), DECOY), (0, REAL)],
}


@pytest.mark.parametrize("name", EVASIONS)
def test_a_decoy_does_not_save_the_real_hello(lab: Lab, name: str) -> None:
    assert lab.send_all(Client(isn=0x2001000), EVASIONS[name]) == BLOCKED


def test_a_contradiction_is_counted_and_dropped(lab: Lab) -> None:
    assert lab.send_all(Client(), EVASIONS["decoy first"]) == BLOCKED
    assert lab.counted("gate_overlap") == 1


def test_a_second_hello_is_judged_like_the_first(lab: Lab) -> None:
    first, second = hello(b"www.allowed.test"), hello(b"www.blocked.test")

    assert lab.send(Client(), 0, first) == ALLOWED
    assert lab.send(Client(), len(first), CCS, SPOKEN) == SPOKEN
    assert lab.send(Client(), len(first + CCS), second[:30], SPOKEN) == PARTIAL_SPOKEN
    assert lab.send(Client(), len(first + CCS) + 30, second[30:], SPOKEN) == BLOCKED


def test_a_hello_longer_than_the_window_is_undecidable(lab: Lab, closed_lab: Lab) -> None:
    octets = records(hello_message(b"www.blocked.test", padding=60000), 5)

    assert lab.send_all(Client(), cut(octets, 40000, 80000)) == ALLOWED
    assert closed_lab.send_all(Client(), cut(octets, 40000, 80000)) == BLOCKED
    assert lab.counted("gate_too_big") >= 1
