"""ClientHellos: whole, cut, in many records, wrong in every length, and from real clients."""

import struct
from collections.abc import Iterator

import pytest
from support.packets.captures import captures, streams_to
from support.packets.shapes import ECH, PADDING, hello, hello_message, record, records, server_name, vector

from fastpath.wire.name import from_host
from fastpath.wire.tls import Hello, client_hello, hello_messages

NAME = b"allowed.test"
MESSAGE = hello_message([(10, bytes(6)), server_name(NAME), (PADDING, bytes(40))])


def names(stream: bytes) -> list[bytes]:
    found = client_hello(stream)
    assert found is not None
    return found.names


def outcome(stream: bytes) -> Hello | str | None:
    try:
        return client_hello(stream)
    except ValueError as refused:
        return str(refused)


def first_outcome_bytewise(stream: bytes) -> Hello | str | None:
    """What a reader learns that asks again after every octet and stops at the first final answer."""
    return next((found for n in range(len(stream) + 1) if (found := outcome(stream[:n])) is not None), None)


def test_a_hello_gives_its_name_and_where_it_ends() -> None:
    stream = hello(NAME)

    assert client_hello(stream + b"more") == Hello([NAME], False, len(stream))


def test_a_hello_cut_at_any_octet_asks_for_more() -> None:
    stream = hello(NAME)

    assert [n for n in range(len(stream)) if client_hello(stream[:n]) is not None] == []


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 50, 100, len(MESSAGE) - 1])
def test_a_hello_cut_into_records_of_any_size_is_the_same_hello(size: int) -> None:
    stream = records(MESSAGE, size)

    assert client_hello(stream) == Hello([NAME], False, len(stream))
    assert first_outcome_bytewise(stream) == client_hello(stream)


def test_a_hello_split_into_two_records_anywhere_is_the_same_hello() -> None:
    for at in range(1, len(MESSAGE)):
        assert names(record(MESSAGE[:at]) + record(MESSAGE[at:])) == [NAME]


@pytest.mark.parametrize("version", [b"\x03\x00", b"\x03\x01", b"\x03\x03", b"\x03\x04", b"\x03\xff"])
def test_the_minor_record_version_does_not_matter(version: bytes) -> None:
    assert names(record(MESSAGE, version=version)) == [NAME]


@pytest.mark.parametrize(
    "stuffing",
    [record(b"\x01", kind=20), record(b"\x01\x00", kind=21), record(b""), record(b"", kind=20), record(b"", kind=21)],
    ids=["change_cipher_spec", "alert", "empty handshake", "empty change_cipher_spec", "empty alert"],
)
def test_records_before_and_inside_the_hello_are_stepped_over(stuffing: bytes) -> None:
    assert names(stuffing * 3 + record(MESSAGE)) == [NAME]
    assert names(record(MESSAGE[:70]) + stuffing + record(MESSAGE[70:])) == [NAME]


def test_every_host_name_of_every_server_name_extension_is_kept() -> None:
    message = hello_message([server_name(b"a.test", b"b.test"), (PADDING, b""), server_name(b"c.test")])

    assert names(record(message)) == [b"a.test", b"b.test", b"c.test"]


def test_a_name_is_given_as_sent() -> None:
    assert names(hello(b"ALLOWED.test.:443\x00 ")) == [b"ALLOWED.test.:443\x00 "]


def test_other_name_types_are_stepped_over() -> None:
    names_list = b"\x07" + vector(b"else", 2) + b"\x00" + vector(NAME, 2)

    assert names(record(hello_message([(0, vector(names_list, 2))]))) == [NAME]


def test_eight_names_are_kept_and_a_ninth_is_never_lost_silently() -> None:
    many = [f"n{i}.test".encode() for i in range(9)]

    assert names(hello(*many[:8])) == many[:8]
    assert "more than 8 host names" in str(outcome(hello(*many)))


def test_a_hello_without_server_name_has_no_name() -> None:
    stream = record(hello_message([(10, bytes(6))]))

    assert client_hello(stream) == Hello([], False, len(stream))


def test_a_hello_without_any_extension_block_has_no_name() -> None:
    body = b"\x03\x01" + bytes(32) + b"\x00" + vector(b"\x00\x2f", 2) + vector(b"\x00", 1)

    assert names(record(b"\x01" + vector(body, 3))) == []


def test_an_encrypted_client_hello_is_noted_and_its_outer_name_given() -> None:
    stream = record(hello_message([(ECH, bytes(200)), server_name(b"outer.test")]))

    assert client_hello(stream) == Hello([b"outer.test"], True, len(stream))


def test_two_hellos_in_one_record_give_the_names_of_both() -> None:
    both = MESSAGE + hello_message([server_name(b"second.test")])

    assert names(record(both)) == [NAME, b"second.test"]
    assert names(records(both, 300)) == [NAME, b"second.test"]
    assert names(record(MESSAGE + b"\x0b\x00\x00\x02ab" + both)) == [NAME, NAME, b"second.test"]


def test_a_second_hello_that_is_cut_is_not_passed_over_in_silence() -> None:
    second = hello_message([server_name(b"second.test")])

    assert "second hello that is cut" in str(outcome(record(MESSAGE + second[:20])))
    assert names(record(MESSAGE) + record(second)) == [NAME]


@pytest.mark.parametrize(
    "stream",
    [
        b"GET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x80\x2e\x01\x00\x02",
        b"\x00" * 64,
        b"\x16\x02\x01\x00\x05",
        b"\x16\x03\x01\x40\x01",
        record(b"encrypted", kind=23),
        record(b"\x01\x00\x00", kind=24),
        record(b"\x01", kind=20) + record(b"encrypted", kind=23),
        record(b"\x02" + MESSAGE[1:]),
        record(b"\x10\x00\x00\x02ab"),
    ],
    ids=[
        "http",
        "ssh",
        "sslv2",
        "zeros",
        "major version 2",
        "record past 2^14",
        "application data",
        "heartbeat",
        "application data behind change_cipher_spec",
        "server hello",
        "client key exchange",
    ],
)
def test_another_protocol_is_known_by_its_first_octets(stream: bytes) -> None:
    assert outcome(stream) == "not the start of a TLS client's stream"
    assert first_outcome_bytewise(stream) == outcome(stream)


def test_another_protocol_is_refused_before_its_record_is_whole() -> None:
    assert outcome(b"G") == "not the start of a TLS client's stream"
    assert outcome(record(b"\x02" + bytes(1000))[:6]) == "not the start of a TLS client's stream"


def test_application_data_inside_a_hello_is_malformed() -> None:
    assert "do not fit" in str(outcome(record(MESSAGE[:50]) + record(MESSAGE[50:], kind=23)))


def test_a_hello_of_65536_octets_is_read_and_one_more_is_too_big() -> None:
    padding = 65536 - len(hello_message([(PADDING, b""), server_name(NAME)]))
    most = hello_message([(PADDING, bytes(padding)), server_name(NAME)])
    over = hello_message([(PADDING, bytes(padding + 1)), server_name(NAME)])

    assert names(records(most, 16384)) == names(records(most, 1000)) == [NAME]
    assert "more than 65536" in str(outcome(records(over, 1000)))
    assert "more than 65536" in str(outcome(records(over, 1000)[:9]))


def test_records_that_hold_more_than_65536_octets_together_are_too_big() -> None:
    padding = 65536 - len(hello_message([(PADDING, b""), server_name(NAME)]))
    most = hello_message([(PADDING, bytes(padding)), server_name(NAME)])

    assert "more than 65536" in str(outcome(records(most[:60000], 9000) + record(most[60000:] + b"x")))


def test_a_hello_of_16384_octets_in_records_of_one_is_read() -> None:
    padding = 16384 - len(hello_message([(PADDING, b""), server_name(NAME)]))

    assert names(records(hello_message([(PADDING, bytes(padding)), server_name(NAME)]), 1)) == [NAME]


def test_records_without_end_before_the_hello_are_too_big() -> None:
    assert "more than 65536" in str(outcome(record(b"\x01", kind=20) * 70000))


def test_a_hello_without_records_is_the_same_hello() -> None:
    again = hello_message([server_name(b"second.test")])

    assert hello_messages(MESSAGE) == Hello([NAME], False, len(MESSAGE))
    assert hello_messages(MESSAGE + again) == Hello([NAME, b"second.test"], False, len(MESSAGE + again))
    assert [n for n in range(len(MESSAGE)) if hello_messages(MESSAGE[:n]) is not None] == []


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"\x02" + MESSAGE[1:], "not the start"),
        (b"\x01\x01\x00\x00", "has more than"),
        (MESSAGE[:-1] + b"\x00" + MESSAGE[:20], "second hello that is cut"),
        (record(MESSAGE), "not the start"),
    ],
    ids=["server hello", "too big", "a second one is cut", "with records"],
)
def test_what_is_no_hello_without_records_is_told(octets: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        hello_messages(octets)


# ------------------------------------------------------------------------------------------------------ wrong lengths


def lengths_of(message: bytes) -> Iterator[tuple[str, int, int]]:
    """(what, offset, width) of each length field in MESSAGE that a parent holds."""
    yield "message", 1, 3
    yield "session id", 38, 1
    yield "cipher suites", 71, 2
    yield "compression methods", 77, 1
    yield "extension block", 79, 2
    at = 81
    while at < len(message):
        kind, size = struct.unpack_from("!HH", message, at)
        yield f"extension {kind}", at + 2, 2
        if kind == 0:
            yield "server name list", at + 4, 2
            yield "host name", at + 7, 2
        at += 4 + size


@pytest.mark.parametrize(("what", "at", "width"), list(lengths_of(MESSAGE)))
@pytest.mark.parametrize("by", [-1, 1])
def test_a_length_that_is_one_off_never_gives_a_whole_hello(what: str, at: int, width: int, by: int) -> None:
    value = int.from_bytes(MESSAGE[at : at + width], "big") + by
    wrong = MESSAGE[:at] + value.to_bytes(width, "big") + MESSAGE[at + width :]

    found = outcome(record(wrong))

    assert found == (None if (what, by) == ("message", 1) else "the ClientHello's lengths do not fit each other")
    assert first_outcome_bytewise(record(wrong)) == found


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00",
        b"\x00\x00",
        b"\x00\x03\x00\x00\x00",
        b"\x00\x01\x00",
        vector(b"\x00" + vector(NAME, 2), 2) + b"\x00",
    ],
    ids=["empty", "half a length", "empty list", "empty name", "type alone", "octets behind the list"],
)
def test_a_malformed_server_name_extension_is_malformed(body: bytes) -> None:
    assert outcome(record(hello_message([(0, body)]))) == "the ClientHello's lengths do not fit each other"


def test_a_record_length_that_is_one_off_never_gives_a_hello() -> None:
    stream = record(MESSAGE)
    n = len(MESSAGE)

    assert client_hello(stream[:3] + struct.pack("!H", n + 1) + stream[5:]) is None
    assert "do not fit" in str(outcome(stream[:3] + struct.pack("!H", n - 1) + stream[5:]))


# ------------------------------------------------------------------------------------------------------ real clients


@pytest.mark.skipif(not captures(is_quic=False), reason="no captures of real clients beside this checkout")
def test_the_hellos_of_real_clients_give_their_names_whole_and_octet_by_octet() -> None:
    found: dict[str, set[bytes]] = {}
    for path in captures(is_quic=False):
        streams = streams_to(path.read_bytes(), 443)
        assert streams, path.name
        for stream in streams:
            read = client_hello(stream)
            assert read is not None and read == first_outcome_bytewise(stream[: read.after]), path.name
            assert all(from_host(name) for name in read.names)
            found.setdefault(path.name, set()).update(read.names)

    assert set(found) == {path.name for path in captures(is_quic=False)}
    for capture, seen in found.items():
        foreign = {name for name in seen if not name.endswith((b".googleapis.com", b".google.com"))}
        assert foreign == {b"allowed.test"}, capture


@pytest.mark.skipif(not captures(is_quic=False), reason="no captures of real clients beside this checkout")
def test_browsers_send_the_ech_extension_and_the_others_do_not() -> None:
    for path in captures(is_quic=False):
        for stream in streams_to(path.read_bytes(), 443):
            read = client_hello(stream)
            assert read is not None
            assert read.has_ech == path.name.startswith(("chromium", "firefox")), path.name
