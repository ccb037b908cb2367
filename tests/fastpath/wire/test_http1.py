"""Request heads: every name a server could read in them, however they are written (E58 to E61)."""

import pytest

from fastpath.wire.http1 import Head, body_length, request_head
from fastpath.wire.name import from_host

GET = b"GET /index.html HTTP/1.1\r\n"
WHOLE = GET + b"User-Agent: x\r\nHost: allowed.test\r\nAccept: */*\r\n\r\n"


def outcome(data: bytes) -> Head | str | None:
    try:
        return request_head(data)
    except ValueError as refused:
        return str(refused)


def hosts(data: bytes) -> list[bytes]:
    found = request_head(data)
    assert found is not None
    return found.hosts


def first_outcome_bytewise(data: bytes) -> Head | str | None:
    """What a reader learns that asks again after every octet and stops at the first final answer."""
    return next((found for n in range(len(data) + 1) if (found := outcome(data[:n])) is not None), None)


def test_a_head_gives_its_target_its_host_and_where_it_ends() -> None:
    assert request_head(WHOLE + b"GET / HTTP/1.1\r\nHost: next.test\r\n\r\n") == Head(
        b"/index.html", [b"allowed.test"], len(WHOLE)
    )


def test_a_head_cut_at_any_octet_asks_for_more() -> None:
    assert [n for n in range(len(WHOLE)) if request_head(WHOLE[:n]) is not None] == []


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (GET + b"hoSt: TeSt.test\r\n\r\n", [b"TeSt.test"]),
        (GET + b"Host:blocked.test\r\n\r\n", [b"blocked.test"]),
        (GET + b"Host:\t blocked.test \t\r\n\r\n", [b"blocked.test"]),
        (GET + b"Host : blocked.test\r\n\r\n", [b"blocked.test"]),
        (GET + b"Host\t\x0b:\x0c\x0bblocked.test\x0c\r\n\r\n", [b"blocked.test"]),
        (GET + b"Host: blocked.test\r\r\n\r\n", [b"blocked.test"]),
        (GET + b" Host: blocked.test\r\n\r\n", [b"blocked.test"]),
        (GET + b"Host: blocked.test.:80\r\n\r\n", [b"blocked.test.:80"]),
        (GET + b"Host: u:p@blocked.test\r\n\r\n", [b"u:p@blocked.test"]),
        (GET + b"Host:\r\n blocked.test\r\n\r\n", [b"blocked.test"]),
        (GET + b"Host: blocked.test\r\n \r\n\r\n", [b"blocked.test"]),
        (GET + b"Host:\r\n \r\n\t\r\n blocked.test\r\n\r\n", [b"blocked.test"]),
        (GET + b"Host: blocked.test\r\n\tjunk\r\nX: y\r\n z\r\n\r\n", [b"blocked.test", b"junk"]),
        (GET + b"Host: a.test\r\nhost: b.test\r\nX: y\r\nHOST: c.test\r\n\r\n", [b"a.test", b"b.test", b"c.test"]),
        (b"GET / HTTP/1.1\nHost: blocked.test\n\n", [b"blocked.test"]),
        (b"GET / HTTP/1.1\r\nHost: blocked.test\n\r\n", [b"blocked.test"]),
        (b"\r\n\n\t \rGET / HTTP/1.1\r\nHost: blocked.test\r\n\r\n", [b"blocked.test"]),
        (b"GET    /  \t HTTP/1.1  \r\nHost: blocked.test\r\n\r\n", [b"blocked.test"]),
        (b"GET\x0b/\x0cHTTP/1.1\r\nHost: blocked.test\r\n\r\n", [b"blocked.test"]),
        (b"FOO-bar!~ / HTTP/1.1\r\nHost: blocked.test\r\n\r\n", [b"blocked.test"]),
        (b"GET GET / HTTP/1.1\r\nHost: blocked.test\r\n\r\n", [b"blocked.test"]),
        (b"get / http/9.9\r\nHost: blocked.test\r\n\r\n", [b"blocked.test"]),
        (b"GET / HTTZ\r\nHost: blocked.test\r\n\r\n", [b"blocked.test"]),
        (b"GET /\r\nHost: blocked.test\r\n\r\n", [b"blocked.test"]),
        (b"OPTIONS * HTTP/1.1\r\nHost: blocked.test\r\n\r\n", [b"blocked.test"]),
        (b"GET /\xc3\xa5 HTTP/1.1\r\nHost: blocked.test\r\n\r\n", [b"blocked.test"]),
        (b"GET http://a.test/x HTTP/1.1\r\nHost: b.test\r\n\r\n", [b"a.test", b"b.test"]),
        (b"GET http://a.test/ HTTZ\r\nHost: b.test\r\n\r\n", [b"a.test", b"b.test"]),
        (b"GET HTTPS://u@a.test:8443?q HTTP/1.1\r\n\r\n", [b"u@a.test:8443"]),
        (b"GET http://a.test#x HTTP/1.1\r\n\r\n", [b"a.test"]),
        (b"GET http://a.test\\@b.test/ HTTP/1.1\r\n\r\n", [b"a.test"]),
        (b"GET GET http://a.test/ HTTP/1.1\r\n\r\n", [b"a.test"]),
        (b"CONNECT a.test:443 HTTP/1.1\r\nHost: b.test\r\n\r\n", [b"a.test:443", b"b.test"]),
        (b"GET http:/// HTTP/1.1\r\nHost: b.test\r\n\r\n", [b"b.test"]),
        (GET + b"Host:\r\n\r\n", []),
        (GET + b"\r\n", []),
        (GET + b"X-Host: a.test\r\nHostess: b.test\r\nHos: c.test\r\nHost b.test\r\n\r\n", []),
        (GET + b"X: Host: a.test\r\n Host\r\n\r\n", []),
        (GET + b"X: \x00\xff\x01\r\nHost: blocked.test\r\n\r\n", [b"blocked.test"]),
    ],
)
def test_a_tolerant_reader_finds_every_host(head: bytes, found: list[bytes]) -> None:
    read = request_head(head)

    assert read is not None
    assert (read.hosts, read.after) == (found, len(head))
    assert first_outcome_bytewise(head) == read


def test_a_folded_header_line_may_hold_a_host_of_its_own() -> None:
    assert hosts(GET + b"X: y\r\n Host: blocked.test\r\n\r\n") == [b"blocked.test"]


def test_an_http_0_9_request_for_a_name_ends_with_its_line() -> None:
    line = b"GET http://blocked.test/\r\n"

    assert request_head(line + b"rest") == Head(b"http://blocked.test/", [b"blocked.test"], len(line))
    assert request_head(line[:-1]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
        b"\x13BitTorrent protocol",
        b"\x00\x00\x00\x00",
        b"GET\r\n\r\n",
        b"GET: / HTTP/1.1\r\n",
        b"G\xc3T / HTTP/1.1\r\n",
        b"GET /\x01 HTTP/1.1\r\n",
        b"GET /\x7f HTTP/1.1\r\n",
        b"(hello) / HTTP/1.1\r\n",
        b"EHLO mail.test\r\n",
        b"<?xml version='1.0'?>",
        b'{"jsonrpc": "2.0"}',
    ],
)
def test_another_protocol_is_not_a_request(data: bytes) -> None:
    assert outcome(data) == "not the beginning of an HTTP/1.x request"
    assert first_outcome_bytewise(data) == outcome(data)


def test_a_binary_protocol_is_refused_at_its_first_octet() -> None:
    for octet in set(range(256)) - set(b"\t\n\x0b\x0c\r !#$%&'*+-.^_`|~") - set(range(48, 58)):
        if not chr(octet).isascii() or not chr(octet).isalpha():
            assert outcome(bytes([octet])) == "not the beginning of an HTTP/1.x request"


def test_white_space_alone_asks_for_more() -> None:
    assert request_head(b"") is None
    assert request_head(b"\r\n\r\n \t") is None


def test_eight_hosts_are_kept_and_a_ninth_is_never_lost_silently() -> None:
    lines = [f"Host: n{i}.test\r\n".encode() for i in range(9)]

    assert len(hosts(GET + b"".join(lines[:8]) + b"\r\n")) == 8
    assert outcome(GET + b"".join(lines) + b"\r\n") == "more than 8 hosts in one request head"


def test_a_head_of_65536_octets_is_read_and_one_more_is_too_big() -> None:
    start = GET + b"X: "
    end = b"\r\nHost: allowed.test\r\n\r\n"
    most = start + b"y" * (65536 - len(start) - len(end)) + end
    over = start + b"y" * (65537 - len(start) - len(end)) + end

    assert hosts(most) == [b"allowed.test"]
    assert request_head(over[:65535]) is None
    assert outcome(over[:65536]) == outcome(over) == "the request head has more than 65536 octets"
    assert outcome(b"A" * 65536) == outcome(b"\n" * 65536) == "the request head has more than 65536 octets"


def test_an_ordinary_host_value_is_a_name_of_the_name_reader() -> None:
    assert from_host(hosts(WHOLE)[0]) == b"\x07allowed\x04test\x00"


@pytest.mark.parametrize(
    ("fields", "n"),
    [
        (b"", 0),
        (b"Content-Length: 12\r\n", 12),
        (b"content-length:\t12 \r\n", 12),
        (b"content-length:12\n", 12),
        (b"Content-Length : 12\r\n", 0),
        (b"Content-Length: +12\r\n", 0),
        (b"Content-Length: 12, 12\r\n", 0),
        (b"Content-Length: 0x12\r\n", 0),
        (b"Content-Length:\r\n 12\r\n", 0),
        (b"Content-Length: 1 2\r\n", 0),
        (b"Content-Length: 12\r\nContent-Length: 12\r\n", 12),
        (b"Content-Length: 12\r\nContent-Length: 13\r\n", 0),
        (b"Content-Length: 12\r\nTransfer-Encoding: chunked\r\n", 0),
        (b"Content-Length: 1234567890123456\r\n", 0),
        (b"Content-Length: x\r\n", 0),
    ],
)
def test_a_body_is_as_long_as_one_content_length_says(fields: bytes, n: int) -> None:
    assert body_length(b"POST / HTTP/1.1\r\nHost: a.test\r\n" + fields + b"\r\n") == n
