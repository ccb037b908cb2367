"""Request heads: every name a server could read in them, however they are written (E58 to E61)."""

import pytest

from fastpath.wire.http1 import Head, head_lines, marked_head, request_head, without_request
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
        (GET + b"Host: u:p@blocked.test\r\n\r\n", [b"u:p@blocked.test", b"u", b"p", b"blocked.test"]),
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
        (b"GET HTTPS://u@a.test:8443?q HTTP/1.1\r\n\r\n", [b"u@a.test:8443", b"u", b"a.test", b"8443"]),
        (b"GET http://a.test#x HTTP/1.1\r\n\r\n", [b"a.test"]),
        (b"GET http://a.test\\@b.test/ HTTP/1.1\r\n\r\n", [b"a.test\\@b.test", b"a.test", b"b.test"]),
        (b"GET GET http://a.test/ HTTP/1.1\r\n\r\n", [b"a.test"]),
        (b"CONNECT a.test:443 HTTP/1.1\r\nHost: b.test\r\n\r\n", [b"a.test:443", b"b.test"]),
        (b"GET http:/// HTTP/1.1\r\nHost: b.test\r\n\r\n", [b"b.test"]),
        (GET + b"Host:\r\n\r\n", []),
        (GET + b"\r\n", []),
        (GET + b"X-Host: a.test\r\nHostess: b.test\r\nHos: c.test\r\nHost b.test\r\n\r\n", []),
        (GET + b"X: Host: a.test\r\n Host\r\n\r\n", []),
        (GET + b"X: \x00\xff\x01\r\nHost: blocked.test\r\n\r\n", [b"blocked.test"]),
        # octets that hide a host from one server or another, not from all
        (b"GET /\x01 HTTP/1.1\r\nHost: blocked.test\r\n\r\n", [b"blocked.test"]),
        (b"GET /\x1dHTTP/1.1\r\nHost: blocked.test\r\n\r\n", [b"blocked.test"]),
        (b"GET http://a.test/\xa0HTTP/1.1\r\n\r\n", [b"a.test"]),
        (b"GET http://w\xa0w.a.test/ HTTP/1.1\r\n\r\n", [b"w\xa0w.a.test", b"w", b"w.a.test"]),
        (b"GET\rhttp://a.test/\rHTTP/1.1\r\n\r\n", [b"a.test"]),
        (b"GET foo:bar h_t!p://a.test/ HTTP/1.1\r\n\r\n", [b"a.test"]),
        (b"abcCONNECT a.test:443 HTTP/1.1\r\n\r\n", [b"a.test:443"]),
        (GET + b"X: y\rHost: blocked.test\r\n\r\n", [b"blocked.test"]),
        (b"GET / HTTP/1.1\rHost: blocked.test\r\n\r\n", [b"blocked.test"]),
        (GET + b"X: y\n\rHost: blocked.test\r\n\r\n", [b"blocked.test"]),
        (GET + b"Host:\r blocked.test\r\n\r\n", [b"blocked.test"]),
        (GET + b"\x00Host\x1c: blocked.test\r\n\r\n", [b"blocked.test"]),
        (GET + b"Host: blocked.test\x00a.test\r\n\r\n", [b"blocked.test\x00a.test", b"blocked.test", b"a.test"]),
        (GET + b"Host: a.test, b.test\r\n\r\n", [b"a.test, b.test", b"a.test", b"b.test"]),
        (GET + b"Host: w\xff.a.test\r\n\r\n", [b"w\xff.a.test", b"w", b"a.test"]),
        (GET + b"Host: x..a.test..\r\n\r\n", [b"x..a.test..", b"a.test"]),
        (GET + b"Host: " + b"x" * 64 + b".a.test\r\n\r\n", [b"x" * 64 + b".a.test", b"a.test"]),
        (GET + b"Host: " + b"x." * 124 + b"a.test\r\n\r\n", [b"x." * 124 + b"a.test", b"x." * 123 + b"a.test"]),
        (GET + b"Host: [2001:db8::1]:80\r\n\r\n", [b"[2001:db8::1]:80"]),
        (GET + b"Host: \nwww.a.test\r\n\r\n", [b"www.a.test"]),
        (GET + b"Host: x\nUser-Agent: a.test\r\n\r\n", [b"x"]),
        (b"GET http://\nwww.a.test/ HTTP/1.1\r\n\r\n", [b"www.a.test"]),
        (b"GET http://\rwww.a.test/ HTTP/1.1\r\n\r\n", [b"www.a.test"]),
        (b"GET http://\x1fwww.a.test/ HTTP/1.1\r\n\r\n", [b"\x1fwww.a.test", b"www.a.test"]),
        (GET + b"Host:\rwww.a.test\r\n\r\n", [b"www.a.test"]),
        (b"a /\r\nGET http://b.test/ HTTP/1.1\r\nHost: c.test\r\n\r\n", [b"b.test", b"c.test"]),
        (b"a /\r\nGET http://b.test/\r\n\r\n", [b"b.test"]),
        (GET + b"HostGET http://b.test/HTTP/1.1\r\n\r\n", [b"b.test"]),
        (GET + b"HostGET http://b.test/\r\n\r\n", [b"b.test"]),
        (GET + b"Via:HTTP/1.1 http://b.test/\r\n\r\n", []),
        (GET + b"X: GET http://b.test/ HTTP/1.1\r\n\r\n", []),
    ],
)
def test_a_tolerant_reader_finds_every_host(head: bytes, found: list[bytes]) -> None:
    read = request_head(head)

    assert read is not None
    assert (list(dict.fromkeys(read.hosts)), read.after) == (found, len(head))
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
    assert outcome(GET + b"".join(lines) + b"\r\n") == "more than 8 hosts or 6 targets in one request head"


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


# -- what begins no request in the usual form --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"\x01GET / HTTP/1.1", []),
        (b"GET\x1c/\x1dHTTP/1.1", []),
        (b"GET\x85http://a.test/\xa0HTTP/1.1", [b"a.test"]),
        (b"(GET) http://a.test/ HTTP/1.1", [b"a.test"]),
        (b"://a.test/ HTTP/1.1", [b"a.test"]),
        (b"http://a.test/ HTTP/1.1", [b"a.test"]),
        (b"\x21\x11\x00\x0cCONNECT a.test:443 HTTP/1.1", [b"a.test:443"]),
        (b"HTTP/1.1", []),
        (b"/x\xffHTTP/1.1", []),
    ],
)
def test_a_line_with_a_version_is_a_request_whatever_stands_in_it(line: bytes, found: list[bytes]) -> None:
    data = line + b"\r\nHost: b.test\r\n\r\n"
    outcomes = [marked_head(data[:n]) for n in range(len(line), len(data) + 1)]

    assert without_request(data) is None
    assert [one for one in outcomes[:-1] if one is not None] == []
    assert outcomes[-1] is not None and outcomes[-1].hosts == [*found, b"b.test"]


@pytest.mark.parametrize(
    ("data", "n"),
    [
        (b"{}\r\nnext", 4),
        (b"\r\n\x00\nnext", 4),
        (b"\x00\x01\x02", 3),
        (b"\x00\x01 HT", 3),
        (b"\x00 https", 7),
        (b"\x00 http://a.tes", 6),
        (b"\x00 conn", 2),
        (b"\x00 CONNECT a.t", 2),
        (b"\x00 http", 2),
        (b'{"a": "http://a.test/"}', 11),
    ],
)
def test_of_octets_that_are_no_request_those_stay_that_may_become_one(data: bytes, n: int) -> None:
    assert without_request(data) == n


def test_a_version_in_a_line_without_an_end_makes_it_a_request() -> None:
    assert without_request(b"\x00 GET / HTTP/") is None
    assert marked_head(b"\x00 GET / HTTP/1.1") is None


# -- lines of a head whose beginning has passed ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "found", "n", "is_ended"),
    [
        (b"X: y\r\nHost: a.test\r\nHos", [b"a.test"], 20, False),
        (b"Host: a.test\r\n\r\nHost: b.test\r\n", [b"a.test"], 16, True),
        (b"Host: a.test\rHost: b.test\r", [b"a.test"], 13, False),
        (b" a.test\r\n", [b"a.test"], 9, False),
        (b"Host: a.test", [], 0, False),
        (b"", [], 0, False),
    ],
)
def test_header_lines_are_read_as_they_come(data: bytes, found: list[bytes], n: int, is_ended: bool) -> None:
    assert head_lines(data) == (found, n, is_ended)
