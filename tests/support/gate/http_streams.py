"""Octets of one client that some server takes for a request of a listed host, and a seeded source of more of them."""

import random
from collections.abc import Callable, Sequence

LISTED, ALLOWED = b"www.blocked.test", b"www.allowed.test"
Make = Callable[[bytes], bytes]


def head(host: bytes, start: bytes = b"GET / HTTP/1.1", more: bytes = b"") -> bytes:
    return start + b"\r\nHost: " + host + b"\r\n" + more + b"\r\n"


FIRST = head(ALLOWED)


def post(more: bytes, body: bytes) -> bytes:
    return head(ALLOWED, b"POST / HTTP/1.1", more) + body


def with_length(start: bytes, body: bytes) -> bytes:
    return head(ALLOWED, start, b"Content-Length: %d\r\n" % len(body)) + body


def filled(n: int) -> bytes:
    return b"".join(b"X-%d: %s\r\n" % (at, b"y" * 900) for at in range(n // 900))


# What no server reads as a request of the name; the gate need not.
NOBODYS = (
    "two slashes and a host",
    "one slash and a host",
    "three slashes and a host",
    "Host behind NUL",
    "Host behind form feed",
)
# Each is made for a name.  A comment says who reads them so, as measured; the other rows of a group have no such reader
# among the servers that were asked, and cost nothing.
STREAMS: dict[str, Make] = {
    # the request line: http.server takes any method, and blanks of str.split(); Tornado any octet; lighttpd a blank
    "a control octet in the target": lambda name: head(name, b"GET /\x01 HTTP/1.1"),
    "DEL in the target": lambda name: head(name, b"GET /\x7f HTTP/1.1"),
    "NUL in the target": lambda name: head(name, b"GET /\x00 HTTP/1.1"),
    "a control octet in a second target": lambda name: FIRST + head(name, b"GET /\x01 HTTP/1.1"),
    "a control octet in the method": lambda name: head(name, b"\x01GET / HTTP/1.1"),
    "a control octet in a second method": lambda name: FIRST + head(name, b"G\x01ET / HTTP/1.1"),
    "high octets in the method": lambda name: head(name, b"G\xc3\xa9T / HTTP/1.1"),
    "brackets in the method": lambda name: FIRST + head(name, b"(GET) / HTTP/1.1"),
    "a colon in the method": lambda name: FIRST + head(name, b"GET: / HTTP/1.1"),
    "separators of Python between words": lambda name: head(name, b"GET\x1c/\x1dHTTP/1.1"),
    "blanks of ISO 8859-1 between words": lambda name: head(name, b"GET\x85/\xa0HTTP/1.1"),
    "form feed and vertical tab between words": lambda name: head(name, b"GET\x0b/\x0cHTTP/1.1"),
    "bare CR between words": lambda name: head(name, b"GET\r/\rHTTP/1.1"),
    "a separator in front": lambda name: head(name, b"\x1cGET / HTTP/1.1"),
    "a blank behind the version": lambda name: head(name, b"GET / HTTP/1.1 "),
    "the version in small letters": lambda name: head(name, b"GET / http/1.1"),
    "an odd version": lambda name: head(name, b"GET / HTTP/1.01"),
    "a method in small letters": lambda name: head(name, b"get / HTTP/1.1"),
    "a very long method": lambda name: head(name, b"G" * 3000 + b" / HTTP/1.1"),
    "a target of an asterisk": lambda name: head(name, b"OPTIONS * HTTP/1.1"),
    "a target without a slash": lambda name: head(name, b"GET x HTTP/1.1"),
    "a backslash for a target": lambda name: head(name, b"GET \\ HTTP/1.1"),
    "neither a version nor a path": lambda name: head(name, b"HEAD \x00/ "),
    "neither a version nor a path, second": lambda name: FIRST + head(name, b"GET x"),
    "a blank in the target": lambda name: head(name, b"GET /a b HTTP/1.1"),
    # absolute form: nginx, Apache, HAProxy, Caddy, Node; Gunicorn, Tornado and Waitress with any octet in it
    "absolute form": lambda name: head(ALLOWED, b"GET http://" + name + b"/ HTTP/1.1"),
    "absolute form with capital letters": lambda name: head(ALLOWED, b"GET HTTP://" + name.upper() + b"/ HTTP/1.1"),
    "absolute form without a path": lambda name: head(ALLOWED, b"GET http://" + name + b" HTTP/1.1"),
    "absolute form with a port": lambda name: head(ALLOWED, b"GET http://" + name + b":81/ HTTP/1.1"),
    "absolute form with user info": lambda name: head(ALLOWED, b"GET http://u:p@" + name + b"/ HTTP/1.1"),
    "absolute form of another scheme": lambda name: head(ALLOWED, b"GET foo+bar://" + name + b"/ HTTP/1.1"),
    "absolute form of no scheme": lambda name: head(ALLOWED, b"GET h_t!p://" + name + b"/ HTTP/1.1"),
    "absolute form with a query alone": lambda name: head(ALLOWED, b"GET http://" + name + b"?x HTTP/1.1"),
    "absolute form with a dot at the end": lambda name: head(ALLOWED, b"GET http://" + name + b"./ HTTP/1.1"),
    "absolute form behind a blank octet": lambda name: head(ALLOWED, b"GET \x1fhttp://" + name + b"/ HTTP/1.1"),
    "two slashes and a host": lambda name: head(ALLOWED, b"GET //" + name + b"/ HTTP/1.1"),
    "one slash and a host": lambda name: head(ALLOWED, b"GET http:/" + name + b"/ HTTP/1.1"),
    "three slashes and a host": lambda name: head(ALLOWED, b"GET http:///" + name + b"/ HTTP/1.1"),
    "CONNECT": lambda name: head(ALLOWED, b"CONNECT " + name + b":443 HTTP/1.1"),
    "CONNECT in small letters": lambda name: head(ALLOWED, b"connect " + name + b":443 HTTP/1.1"),
    "HTTP/0.9": lambda name: b"GET http://" + name + b"/\r\n",
    "HTTP/1.0 without a Host": lambda name: b"GET http://" + name + b"/ HTTP/1.0\r\n\r\n",
    # line ends: LF is one to most, a bare CR to http.server and mini_httpd, neither to Twisted and Gunicorn
    "LF alone": lambda name: head(name).replace(b"\r\n", b"\n"),
    "CR CR LF": lambda name: head(name).replace(b"\r\n", b"\r\r\n"),
    "CR alone": lambda name: head(name).replace(b"\r\n", b"\r"),
    "Host behind a bare CR": lambda name: head(ALLOWED, more=b"X: y\rHost: " + name + b"\r\n"),
    "Host behind a bare CR, and no other": lambda name: b"GET / HTTP/1.1\r\nX: y\rHost: " + name + b"\r\n\r\n",
    "Host behind a bare CR of the request line": lambda name: b"GET / HTTP/1.1\rHost: " + name + b"\r\n\r\n",
    "Host behind LF CR": lambda name: b"GET / HTTP/1.1\r\nX: y\n\rHost: " + name + b"\r\n\r\n",
    "Host behind a line of CR alone": lambda name: b"GET / HTTP/1.1\r\nX: y\r\n\rHost: " + name + b"\r\n\r\n",
    "Host behind NUL": lambda name: b"GET / HTTP/1.1\r\nX: y\x00Host: " + name + b"\r\n\r\n",
    "Host behind form feed": lambda name: b"GET / HTTP/1.1\r\nX: y\x0cHost: " + name + b"\r\n\r\n",
    "a fold of the request line": lambda name: b"GET / HTTP/1.1\r\n Host: " + name + b"\r\n\r\n",
    "a fold of Host": lambda name: b"GET / HTTP/1.1\r\nHost:\r\n " + name + b"\r\n\r\n",
    "a fold of Host with a bare CR": lambda name: b"GET / HTTP/1.1\r\nHost:\r " + name + b"\r\n\r\n",
    "a fold of Host twice": lambda name: b"GET / HTTP/1.1\r\nHost:\r\n \r\n\t" + name + b"\r\n\r\n",
    "Host in a fold": lambda name: b"GET / HTTP/1.1\r\nX: y\r\n Host: " + name + b"\r\n\r\n",
    # the Host field: PHP takes NUL, lighttpd a blank, Apache and Node a list
    "NUL in front of Host": lambda name: b"GET / HTTP/1.1\r\n\x00Host: " + name + b"\r\n\r\n",
    "a control octet in front of Host": lambda name: b"GET / HTTP/1.1\r\n\x1cHost: " + name + b"\r\n\r\n",
    "a control octet before the colon": lambda name: b"GET / HTTP/1.1\r\nHost\x1c: " + name + b"\r\n\r\n",
    "NUL before the colon": lambda name: b"GET / HTTP/1.1\r\nHost\x00: " + name + b"\r\n\r\n",
    "a blank before the colon": lambda name: b"GET / HTTP/1.1\r\nHost : " + name + b"\r\n\r\n",
    "a control octet before the name": lambda name: head(b"\x1f" + name),
    "NUL behind the name": lambda name: head(name + b"\x00"),
    "NUL and more behind the name": lambda name: head(name + b"\x00.allowed.test"),
    "a control octet behind the name": lambda name: head(name + b"\x1c"),
    "a blank of ISO 8859-1 behind the name": lambda name: head(name + b"\xa0"),
    "two names with a comma": lambda name: head(ALLOWED + b", " + name),
    "two names with a blank": lambda name: head(name + b" " + ALLOWED),
    "two Hosts": lambda name: head(ALLOWED, more=b"Host: " + name + b"\r\n"),
    "twelve Hosts, the last one is meant": lambda name: head(
        b"a.test", more=b"Host: b.test\r\n" * 3 + b"Host: " + name + b"\r\n"
    ),
    "a port that is none": lambda name: head(name + b":x"),
    "a dot at the end": lambda name: head(name + b"."),
    # in front of the request: http.server, Tornado and WEBrick take what stands there for a part of the method
    "empty lines in front": lambda name: b"\r\n\n\r\n" + head(name),
    "a byte order mark in front": lambda name: b"\xef\xbb\xbf" + head(name),
    "a line of garbage in front": lambda name: b"garbage\r\n" + head(name),
    "binary octets in front": lambda name: b"\x00\x01\xff" + head(name),
    "PROXY protocol in front": lambda name: b"PROXY TCP4 192.0.2.1 192.0.2.2 1024 80\r\n" + head(name),
    "PROXY protocol 2 in front": lambda name: (
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x04\x00\x00\x50" + head(name)
    ),
    # bodies: applications of http.server read none, HAProxy, Caddy, Node and http.server read other lengths
    "behind the body of GET": lambda name: with_length(b"GET / HTTP/1.1", b"abc") + head(name),
    **{
        f"in the body of {method.decode()}": (
            lambda name, method=method: with_length(method + b" / HTTP/1.1", head(name))  # type: ignore[misc]
        )
        for method in (b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT", b"post")
    },
    "second in the body of GET": lambda name: with_length(b"GET / HTTP/1.1", FIRST + head(name)),
    "second in the body of POST": lambda name: with_length(b"POST / HTTP/1.1", FIRST + head(name)),
    "behind a POST in a body of GET": lambda name: with_length(
        b"GET / HTTP/1.1", post(b"Content-Length: 999\r\n", b"") + head(name)
    ),
    "HTTP/0.9 behind the beginning of a head in a body of GET": lambda name: (
        with_length(b"GET / HTTP/1.1", b"GET / HTTP/1.1\r\nHost") + b"GET http://" + name + b"/\r\n"
    ),
    "without a version behind a binary body of GET": lambda name: (
        with_length(b"GET / HTTP/1.1", b"\x00\xff") + head(name, b"PUT / ")
    ),
    "behind a body that does not end its line": lambda name: with_length(b"GET / HTTP/1.1", b"a b") + head(name),
    **{
        f"a length of {length!r}": (
            lambda name, length=length: post(b"Content-Length:" + length + b"\r\n", FIRST + head(name))  # type: ignore[misc]
        )
        for length in (
            b" +0",
            b" -1",
            b" 0x0",
            b" 0,0",
            b"",
            b" ",
            b" 0 0",
            b" 00",
            b" \x0b0",
            b"\xa00",
            b" 0_0",
            b" 0;",
            b" 0\x00",
            b" 99999999999999999999",
            b" 18446744073709551616",
            b" 4294967296",
            b" 1e9",
            b" \xd9\xa0",
        )
    },
    "lengths of 0 and more": lambda name: post(b"Content-Length: 0\r\nContent-Length: 99\r\n", head(name)),
    "lengths of more and 0": lambda name: post(b"Content-Length: 99\r\nContent-Length: 0\r\n", head(name)),
    "a length behind a blank": lambda name: post(b"Content-Length : 99\r\n", head(name)),
    "a length in a fold": lambda name: post(b"X: y\r\n Content-Length: 99\r\n", head(name)),
    "a length behind a bare CR": lambda name: post(b"X: y\rContent-Length: 99\r\n", head(name)),
    "a length behind a line that is no field": lambda name: post(b"no field\r\nContent-Length: 99\r\n", head(name)),
    "a length that LF hides": lambda name: post(b"X: y\nContent-Length: 99\r\n", head(name)),
    "a length with an underscore": lambda name: post(b"Content_Length: 0\r\nContent-Length: 99\r\n", head(name)),
    **{
        f"a coding of {coding!r}": (
            lambda name, coding=coding: post(coding + b"\r\nContent-Length: 99\r\n", b"0\r\n\r\n" + head(name))  # type: ignore[misc]
        )
        for coding in (
            b"Transfer-Encoding: chunked",
            b"transfer-encoding:chunked",
            b"Transfer-Encoding : chunked",
            b"Transfer-Encoding: \x0bchunked",
            b"Transfer-Encoding: identity, chunked",
            b"Transfer-Encoding: xchunked",
            b"Transfer-Encoding: chunked, identity",
            b"Transfer-Encoding:\r\n chunked",
            b" Transfer-Encoding: chunked",
            b"X: y\rTransfer-Encoding: chunked",
            b"X: y\nTransfer-Encoding: chunked",
            b"Transfer_Encoding: chunked",
            b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
            b"Transfer-Encoding: cHuNkEd\x00",
        )
    },
    **{
        f"behind chunks of {chunks!r}": (
            lambda name, chunks=chunks: post(b"Transfer-Encoding: chunked\r\n", chunks) + head(name)  # type: ignore[misc]
        )
        for chunks in (
            b"0\r\n\r\n",
            b"3\r\nabc\r\n0\r\n\r\n",
            b"3;x=y\r\nabc\r\n0\r\n\r\n",
            b"3\nabc\n0\n\n",
            b"0003\r\nabc\r\n0\r\n\r\n",
            b"3 \r\nabc\r\n0\r\n\r\n",
            b"0x3\r\nabc\r\n0\r\n\r\n",
            b"+3\r\nabc\r\n0\r\n\r\n",
            b"-1\r\n\r\n",
            b"3\r\nabc0\r\n\r\n",
            b"0\r\nX: y\r\n\r\n",
            b"100000000000000000\r\n\r\n",
            b"3\r\r\nabc\r\n0\r\n\r\n",
            b"0;\rx\r\n\r\n",
            b"3;\nabc\r\n0\r\n\r\n",
        )
    },
    "in a chunk": lambda name: post(b"Transfer-Encoding: chunked\r\n", b"40\r\n" + head(name)),
    "Host in a trailer": lambda name: post(
        b"Transfer-Encoding: chunked\r\n", b"0\r\nGET / HTTP/1.1\r\nHost: " + name + b"\r\n\r\n"
    ),
    "as lines of a head in a body": lambda name: post(
        b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\na /\r\nGET http://" + name + b"/ HTTP/1.1\r\nX: y\r\n\r\n"
    ),
    "a name behind a bare LF": lambda name: b"GET / HTTP/1.1\r\nHost: \n" + name + b"\r\n\r\n",
    "a name behind a bare CR": lambda name: b"GET / HTTP/1.1\r\nHost:\r" + name + b"\r\n\r\n",
    "a name behind a bare CR of absolute form": lambda name: head(ALLOWED, b"GET http://\r" + name + b"/ HTTP/1.1"),
    "a name behind a bare LF of absolute form": lambda name: head(ALLOWED, b"GET http://\n" + name + b"/ HTTP/1.1"),
    "a name behind a control octet of absolute form": lambda name: head(
        ALLOWED, b"GET http://\x1f" + name + b"/ HTTP/1.1"
    ),
    "a label with an octet that none has": lambda name: head(b"w\xff." + name),
    "absolute form with such a label": lambda name: head(ALLOWED, b"GET http://w\xa0w." + name + b"/ HTTP/1.1"),
    "a label longer than labels are": lambda name: head(b"w" * 64 + b"." + name),
    "a name longer than names are": lambda name: head(b"w." * 120 + name),
    "an empty user behind the name": lambda name: head(name + b"@"),
    "a fold of ISO 8859-1": lambda name: b"GET / HTTP/1.1\r\nHost: w\r\n\xa0." + name + b"\r\n\r\n",
    "Host behind LF and an empty line": lambda name: b"GET / HTTP/1.1\n\r\nHost: " + name + b"\r\n\r\n",
    "nine Hosts, the last one is meant": lambda name: head(
        b"a.test", more=b"Host: b.test\r\n" * 8 + b"Host: " + name + b"\r\n"
    ),
    "Expect, then another request": lambda name: post(b"Expect: 100-continue\r\nContent-Length: 99\r\n", head(name)),
    "behind an upgrade": lambda name: head(ALLOWED, more=b"Upgrade: x\r\nConnection: upgrade\r\n") + head(name),
    "behind an error": lambda name: head(ALLOWED, b"GET / HTTP/9.9") + head(name),
    "behind a close": lambda name: head(ALLOWED, more=b"Connection: close\r\n") + head(name),
    # what is longer than a window: http.server, Gunicorn and Puma take a head of any length
    "Host behind 50,000 octets": lambda name: b"GET / HTTP/1.1\r\n" + filled(50_000) + b"Host: " + name + b"\r\n\r\n",
    "Host behind 70,000 octets of a second head": lambda name: (
        FIRST + b"GET / HTTP/1.1\r\n" + filled(70_000) + b"Host: " + name + b"\r\n\r\n"
    ),
    "Host behind 70,000 octets in a body": lambda name: with_length(
        b"GET / HTTP/1.1", b"GET / HTTP/1.1\r\n" + filled(70_000) + b"Host: " + name + b"\r\n\r\n"
    ),
    "behind a long chunk that begins as a request": lambda name: post(
        b"Transfer-Encoding: chunked\r\n", b"11170\r\na / \r\n" + b"x" * 69994 + b"\r\n0\r\n\r\n" + head(name)
    ),
    "behind a long body of GET without line ends": lambda name: (
        with_length(b"GET / HTTP/1.1", b"x" * 70_000) + head(name)
    ),
}


# -- generated ---------------------------------------------------------------------------------------------------------

LINE_ENDS = (b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n ", b"\x0c", b"\x00\r\n", b" \r\n")
BLANKS = (b" ", b"\t", b"  ", b"\x0b", b"\x0c", b"\r", b"\x1c", b"\x85", b"\xa0", b"\x00", b"")
JUNK = (
    b"",
    b"\x00",
    b"\x01",
    b"\x7f",
    b"\xff",
    b"\r",
    b"\n",
    b" ",
    b"\t",
    b"\x1f",
    b"a",
    b"/",
    b":",
    b",",
    b"@",
    b"\\",
)
METHODS = (b"GET", b"POST", b"PUT", b"HEAD", b"CONNECT", b"OPTIONS", b"DELETE", b"get", b"X", b"PRI")
VERSIONS = (b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2", b"http/1.1", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1", b"")
LENGTHS = (b"0", b"%d", b"+%d", b" %d", b"%d,%d", b"0x%d", b"-1", b"", b"%d ", b"0%d", b"%d\x0b", b"999999", b"%d;")
CODINGS = (
    b"chunked",
    b"identity",
    b"chunked, identity",
    b"\x0bchunked",
    b"CHUNKED",
    b"chunked;",
    b"x",
    b"gzip, chunked",
)
FIELDS = (b"X: y", b"no field", b" folded", b"Connection: keep-alive", b"Expect: 100-continue", b":", b"X:", b"a b: c")


def generated(source: random.Random, name: bytes) -> bytes:
    """One to three requests, each with a few faults; `name` stands in one of them at least."""
    n = source.randint(1, 3)
    meant = source.randrange(n)
    stream = b"".join(_request(source, name if at == meant else ALLOWED, at + 1 < n) for at in range(n))
    return _mutated(source, stream) if source.random() < 0.3 else stream


def _rarely(source: random.Random, usual: bytes, others: Sequence[bytes], share: float = 0.08) -> bytes:
    return source.choice(others) if source.random() < share else usual


def _request(source: random.Random, name: bytes, has_next: bool) -> bytes:
    def end() -> bytes:
        return _rarely(source, b"\r\n", LINE_ENDS, 0.05)

    def blank() -> bytes:
        return _rarely(source, b" ", BLANKS, 0.06)

    def junk() -> bytes:
        return _rarely(source, b"", JUNK, 0.04)

    method = _rarely(source, b"GET", METHODS, 0.5)
    other, target = name, b"/"
    if source.random() < 0.25:
        other = ALLOWED
        target = _rarely(source, b"http", (b"HTTP", b"h_p", b"", b"ftp", b"https"), 0.3) + b"://" + junk() + name + b"/"
    if method == b"CONNECT":
        target = name + b":80"
    version = _rarely(source, b"HTTP/1.1", VERSIONS, 0.15)
    line = junk() + method + junk() + blank() + target + junk() + blank() + version + junk() + end()
    fields = [junk() + _rarely(source, b"Host", (b"hOsT", b"Host ", b"Host\t"), 0.1) + b":" + blank() + other + junk()]
    if source.random() < 0.2:
        fields.append(b"Host: " + ALLOWED)
    body, framing = _framed(source, has_next)
    fields += framing
    if source.random() < 0.3:
        fields.append(source.choice(FIELDS))
    source.shuffle(fields)
    return line + b"".join(field + end() for field in fields) + end() + body


def _framed(source: random.Random, has_next: bool) -> tuple[bytes, list[bytes]]:
    """A body, and the fields that say how long it is."""
    if source.random() < 0.5:
        return b"", []
    body = source.choice((b"", b"abc", b"a b", b"\x00\xff", b"x /\r\n\r\n", FIRST, FIRST[:20], b"{}\r\n"))
    fields: list[bytes] = []
    if source.random() < 0.6:
        length = _rarely(source, b"%d", LENGTHS, 0.4)
        n = len(body) if source.random() < 0.7 else source.randint(0, 200)
        fields.append(
            _rarely(source, b"Content-Length", (b"content-length ", b"Content_Length", b" Content-Length"), 0.1)
        )
        fields[-1] += b": " + length.replace(b"%d", b"%d" % n)
    if source.random() < 0.5:
        size = _rarely(source, b"%x", (b"0x%x", b"+%x", b"%x;a", b"%x ", b"0%x", b"%x;\n", b"-%x", b"%x\r"), 0.2)
        end = _rarely(source, b"\r\n", LINE_ENDS, 0.1)
        chunk = size.replace(b"%x", b"%x" % len(body)) + end + body + _rarely(source, b"\r\n", (b"\n", b"", b"\r"), 0.1)
        body = (chunk if body else b"") + b"0" + end + _rarely(source, b"", (b"X: y\r\n", FIRST), 0.1) + b"\r\n"
        name = _rarely(source, b"Transfer-Encoding", (b"transfer-encoding ", b"Transfer_Encoding"), 0.1)
        fields.append(name + b": " + _rarely(source, b"chunked", CODINGS, 0.3))
    return body, fields


def _mutated(source: random.Random, stream: bytes) -> bytes:
    """A few octets replaced, put in or taken out."""
    octets = bytearray(stream)
    for _ in range(source.randint(1, 3)):
        at = source.randrange(len(octets) or 1)
        new = source.choice((*JUNK, *LINE_ENDS, *BLANKS))
        octets[at : at + source.randint(0, 2)] = new
    return bytes(octets)
