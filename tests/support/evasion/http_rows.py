"""E58 to E63: requests whose host is spelled, placed or split so that a filter may miss it."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from support.evasion.decoys import forgotten, forgotten_then_decoy
from support.evasion.segmentation import marks
from support.evasion.segments import DEFAULT_TTL, FRAMINGS, NEAR_TTL, Plan, Row, Segment, Stream, pieces, whole
from support.evasion.tls_rows import alternating

Make = Callable[[bytes], bytes]
BOTH = FRAMINGS[::2]
OTHER = b"www.allowed.test"


def request(host_line: bytes, start: bytes = b"GET / HTTP/1.1", more: bytes = b"", body: bytes = b"") -> bytes:
    return start + b"\r\n" + host_line + b"\r\n" + more + b"\r\n" + body


def get(name: bytes) -> bytes:
    return request(b"Host: " + name)


def post(name: bytes, body: bytes) -> bytes:
    return request(b"Host: " + name, b"POST / HTTP/1.1", b"Content-Length: %d\r\n" % len(body), body)


def chunked(name: bytes, body: bytes) -> bytes:
    coded = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    return request(b"Host: " + name, b"POST / HTTP/1.1", b"Transfer-Encoding: chunked\r\n", coded)


def fillers(n: int, size: int) -> bytes:
    return b"".join(b"X-%d: %s\r\n" % (at, b"x" * size) for at in range(n))


SPELLINGS: dict[str, Make] = {
    "E58 hoSt": lambda name: request(b"hoSt: " + name),
    "E58 HOST": lambda name: request(b"HOST: " + name),
    "E58 capital letters in the value": lambda name: request(b"Host: " + name.upper()),
    "E58 alternating letters in the value": lambda name: request(b"Host: " + alternating(name)),
    "E58 no blank": lambda name: request(b"Host:" + name),
    "E58 a tab": lambda name: request(b"Host:\t" + name),
    "E58 many blanks": lambda name: request(b"Host:" + b" " * 40 + name),
    "E58 blanks behind": lambda name: request(b"Host: " + name + b" \t "),
    "E58 a blank before the colon": lambda name: request(b"Host : " + name),
    "E59 a dot at the end": lambda name: request(b"Host: " + name + b"."),
    "E59 a port": lambda name: request(b"Host: " + name + b":80"),
    "E59 absolute form": lambda name: request(b"Host: " + name, b"GET http://" + name + b"/ HTTP/1.1"),
    "E59 absolute form, another Host": lambda name: request(b"Host: " + OTHER, b"GET http://" + name + b"/ HTTP/1.1"),
    "E59 two Hosts, the first is meant": lambda name: request(b"Host: " + name, more=b"Host: " + OTHER + b"\r\n"),
    "E59 two Hosts, the second is meant": lambda name: request(b"Host: " + OTHER, more=b"Host: " + name + b"\r\n"),
    "E59 Host behind 6,000 octets": lambda name: request(fillers(10, 590) + b"Host: " + name),
    "E59 Host behind 15,000 octets": lambda name: request(fillers(25, 590) + b"Host: " + name),
    "E31 Host behind 60,000 octets": lambda name: request(fillers(60, 990) + b"Host: " + name),
    "E59 a folded line": lambda name: request(b"Host:\r\n " + name),
    "E59 Host behind a bare CR": lambda name: request(b"X: y\rHost: " + name),
    "E59 a folded line behind a bare CR": lambda name: request(b"Host:\r " + name),
    "E59 NUL behind the name": lambda name: request(b"Host: " + name + b"\x00"),
    "E59 a bare LF before the name": lambda name: request(b"Host: \n" + name),
    "E60 empty lines in front": lambda name: b"\r\n\r\n" + get(name),
    "E60 LF in front": lambda name: b"\n" + get(name),
    "E60 a tab in front": lambda name: b"\t" + get(name),
    "E60 blanks behind the method": lambda name: request(b"Host: " + name, b"GET   / HTTP/1.1"),
    "E60 tabs in the request line": lambda name: request(b"Host: " + name, b"GET\t/\tHTTP/1.1"),
    "E60 only LF": lambda name: get(name).replace(b"\r\n", b"\n"),
    "E60 HEAD": lambda name: request(b"Host: " + name, b"HEAD / HTTP/1.1"),
    "E60 an unknown method": lambda name: request(b"Host: " + name, b"MKACTIVITY / HTTP/1.1"),
    "E60 HTTP/1.0": lambda name: request(b"Host: " + name, b"GET / HTTP/1.0"),
    "E60 HTTP/1.9": lambda name: request(b"Host: " + name, b"GET / HTTP/1.9"),
    "E60 a control octet in the target": lambda name: request(b"Host: " + name, b"GET /\x01 HTTP/1.1"),
    "E60 a control octet in the target, second": lambda name: (
        get(OTHER) + request(b"Host: " + name, b"GET /\x01 HTTP/1.1")
    ),
    "E60 a control octet in the method, second": lambda name: (
        get(OTHER) + request(b"Host: " + name, b"G\x01ET / HTTP/1.1")
    ),
    "E60 separators of Python between words": lambda name: request(b"Host: " + name, b"GET\x1c/\x1dHTTP/1.1"),
    "E60 HTTP/0.9": lambda name: b"GET http://" + name + b"/\r\n\r\n",
    "E61 POST": lambda name: post(name, b"a=b"),
    "E61 pipelined": lambda name: get(OTHER) + get(name),
    "E61 behind a body": lambda name: post(OTHER, b"x" * 3000) + get(name),
    "E61 behind a large body": lambda name: post(OTHER, b"x" * 40_000) + get(name),
    "E61 behind a chunked body": lambda name: chunked(OTHER, b"x" * 300) + get(name),
    "E63 CONNECT": lambda name: request(b"Host: " + name, b"CONNECT " + name + b":443 HTTP/1.1"),
    "E63 CONNECT, another Host": lambda name: request(b"Host: " + OTHER, b"CONNECT " + name + b":443 HTTP/1.1"),
    "E63 both lengths, the shorter counts": lambda name: request(
        b"Host: " + OTHER,
        b"POST / HTTP/1.1",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"0\r\n\r\n" + get(name),
    ),
    "E63 both lengths, the longer counts": lambda name: request(
        b"Host: " + OTHER,
        b"POST / HTTP/1.1",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        b"%x\r\n%s\r\n0\r\n\r\n" % (len(get(name)), get(name)),
    ),
    "E63 a length that is said twice": lambda name: request(
        b"Host: " + OTHER,
        b"POST / HTTP/1.1",
        b"Content-Length: 0\r\nContent-Length: %d\r\n" % len(get(name)),
        get(name),
    ),
    "E63 a length behind a blank": lambda name: request(
        b"Host: " + OTHER,
        b"POST / HTTP/1.1",
        b"Content-Length : %d\r\n" % len(get(OTHER) + get(name)),
        get(OTHER) + get(name),
    ),
    "E63 in the body of GET": lambda name: request(
        b"Host: first.allowed.test", more=b"Content-Length: %d\r\n" % len(get(name)), body=get(name)
    ),
    "E63 behind the body of GET": lambda name: (
        request(b"Host: " + OTHER, more=b"Content-Length: 3\r\n", body=b"a b") + get(name)
    ),
    "E63 a length with a sign": lambda name: request(
        b"Host: " + OTHER, b"POST / HTTP/1.1", b"Content-Length: +0\r\n", get(name)
    ),
}
# What neither nginx nor Python takes; another server may.
REFUSED = (
    "E58 a blank before the colon",
    "E59 NUL behind the name",
    "E59 a bare LF before the name",
    "E63 in the body of GET",
)
BASES: dict[str, Make] = {"GET": get, **SPELLINGS}


def kept(stream: Stream) -> list[Segment]:
    """An allowed request, its answer, then the one that is meant."""
    first = get(OTHER)
    others = pieces(stream.octets, 30)
    return [
        Segment(at=0, data=first),
        *(Segment(at=len(first) + one.at, data=one.data, awaits_answer=one.at == 0) for one in others),
    ]


def method_and_name(stream: Stream) -> list[Segment]:
    return pieces(stream.octets, 5, marks(stream)["midsld"])


def again(plan: Plan) -> Plan:
    """The plan, and its end once more: the gate drops it until its server has acknowledged the body in front of it."""

    def plan_again(stream: Stream) -> list[Segment]:
        segments = list(plan(stream))
        return [*segments, *(replace(one, pause_s=0.3) for one in segments[-2:])]

    return plan_again


def small(stream: Stream) -> list[Segment]:
    return pieces(stream.octets, *range(7, min(len(stream.octets), 700), 7))


ROWS = [
    *(
        Row(
            name=name + how,
            plan=again(plan) if name == "E61 behind a large body" else plan,
            bases=(name,),
            framings=BOTH,
            reaches=name not in REFUSED,
        )
        for name, (how, plan) in itertools.product(SPELLINGS, (("", whole), (", in pieces", small)))
    ),
    Row(name="E61 split at method+2", plan=lambda s: pieces(s.octets, 5), bases=("GET",)),
    Row(name="E61 split at midsld", plan=lambda s: pieces(s.octets, marks(s)["midsld"]), bases=("GET",)),
    Row(name="E61 split at method+2 and midsld", plan=method_and_name, bases=("GET",)),
    Row(name="E61 split in single octets", plan=lambda s: pieces(s.octets, *range(len(s.octets))), bases=("GET",)),
    Row(name="E61 in disorder", plan=lambda s: method_and_name(s)[::-1], bases=("GET",)),
    Row(name="E61 a second request", plan=kept, bases=("GET",)),
    Row(name="E12 forgotten before the request", plan=forgotten, bases=("GET",), framings=BOTH),
    *(
        Row(
            name=f"E12 forgotten, then a request {where}",
            plan=partial(forgotten_then_decoy, at=at, ttl=ttl),
            bases=("GET",),
            framings=BOTH,
            passes=False,
        )
        for where, at, ttl in (("that is old", -100_000, DEFAULT_TTL), ("far ahead", 100_000, NEAR_TTL))
    ),
]
