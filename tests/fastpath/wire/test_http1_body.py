"""Bodies: a length is believed only where every server reads the same one."""

import pytest

from fastpath.wire.http1_body import body_length

POST = b"POST / HTTP/1.1\r\nHost: a.test\r\n"


@pytest.mark.parametrize(
    ("fields", "n"),
    [
        (b"", 0),
        (b"Content-Length: 0\r\n", 0),
        (b"Content-Length: 12\r\n", 12),
        (b"content-length:\t12 \r\n", 12),
        (b"Content-Length: 123456789012345\r\n", 123456789012345),
        (b"Content-Length: 12\r\nContent-Length: 12\r\n", 12),
        (b"Cookie: a=\xc3\xa5\tb\r\nContent-Length: 12\r\nX:\r\n", 12),
        (b"Content-Type: x\r\nContents-Length: 5\r\nContent-Len: 5\r\nTransfer: x\r\nContent-Length: 12\r\n", 12),
    ],
)
def test_a_strict_head_says_how_long_its_body_is(fields: bytes, n: int) -> None:
    for method in (b"POST", b"PUT", b"PATCH"):
        assert body_length(POST.replace(b"POST", method) + fields + b"\r\n") == n
    assert body_length(b"\r\n" + POST + fields + b"\r\n") == n


@pytest.mark.parametrize(
    "fields",
    [
        b"content-length:12\n",
        b"X: y\nContent-Length: 12\r\n",
        b"X: y\rContent-Length: 12\r\n",
        b"X: y\r\r\nContent-Length: 12\r\n",
        b"X: \x00\r\nContent-Length: 12\r\n",
        b"X: \x0b\r\nContent-Length: 12\r\n",
        b"X: \x7f\r\nContent-Length: 12\r\n",
        b"no field\r\nContent-Length: 12\r\n",
        b": y\r\nContent-Length: 12\r\n",
        b"\xc3\xa5: y\r\nContent-Length: 12\r\n",
        b"Content-Length : 12\r\n",
        b" Content-Length: 12\r\n",
        b"Content-Length:\r\n 12\r\n",
        b"Content-Length: 12\r\n 3\r\n",
        b"Content-Length: +12\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 12, 12\r\n",
        b"Content-Length: 0x12\r\n",
        b"Content-Length: 012\r\n",
        b"Content-Length: 1 2\r\n",
        b"Content-Length: 1_2\r\n",
        b"Content-Length:\r\n",
        b"Content-Length: x\r\n",
        b"Content-Length: 1234567890123456\r\n",
        b"Content-Length: 12\r\nContent-Length: 13\r\n",
        b"Content-Length: 0\r\nContent-Length: 13\r\n",
        b"Content_Length: 12\r\n",
        b"Content-Length: 12\r\nTransfer-Encoding: chunked\r\n",
        b"transfer_encoding: x\r\n",
        b"Transfer-Encoding : chunked\r\n",
    ],
)
def test_a_head_that_servers_read_differently_says_nothing_of_its_body(fields: bytes) -> None:
    assert body_length(POST + fields + b"\r\n") is None


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/1.1",
        b"HEAD / HTTP/1.1",
        b"DELETE / HTTP/1.1",
        b"post / HTTP/1.1",
        b"POST  / HTTP/1.1",
        b"POST / HTTP/1.1 ",
        b"POST / HTTP/1.2",
        b"POST / http/1.1",
        b"POST / HTTP/2.0",
        b"POST /",
        b"POST / x HTTP/1.1",
        b"POST /\xc3\xa5 HTTP/1.1",
        b"PUT",
        b"",
    ],
)
def test_a_body_is_known_only_behind_a_method_whose_body_all_servers_read(line: bytes) -> None:
    assert body_length(line + b"\r\nHost: a.test\r\nContent-Length: 5\r\n\r\n") is None
    if line:
        assert body_length(line + b"\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n") == 0
        assert body_length(line + b"\r\nHost: a.test\r\n\r\n") == 0


def test_what_is_no_whole_head_says_nothing() -> None:
    whole = POST + b"Content-Length: 5\r\n\r\n"

    assert [n for n in range(len(whole)) if body_length(whole[:n]) is not None] == []
    assert body_length(b"\n" * 9) is None
