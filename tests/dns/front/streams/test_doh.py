import base64

import pytest
from dnslib import EDNS0, QTYPE, RR, SOA, A, DNSRecord

from dns.front.streams.doh import (
    MAX_QUERY_OCTETS,
    MAX_TARGET_OCTETS,
    DohQuery,
    DohRefusal,
    Request,
    answer_headers,
    check_head,
    freshness_s,
    read_request,
    refusal,
    request_of,
)

QUERY = bytes(DNSRecord.question("www.free.test").pack())
TYPE = "application/dns-message"


def encoded(query: bytes = QUERY) -> str:
    return base64.urlsafe_b64encode(query).decode().rstrip("=")


def get(parameters: str, path: str = "/dns-query") -> Request:
    return Request("GET", f"{path}?{parameters}")


def post(path: str = "/dns-query", media_type: str | None = TYPE, length: int | None = None) -> Request:
    return Request("POST", path, media_type, length)


def status_of(request: Request, body: bytes = b"") -> int:
    with pytest.raises(DohRefusal) as refused:
        read_request(request, body)
    assert "; not answered; " in str(refused.value)
    return refused.value.status


@pytest.mark.parametrize(
    ("request_", "body", "token"),
    [
        (get(f"dns={encoded()}"), b"", None),
        (get(f"a=b&dns={encoded()}&c"), b"", None),
        (get(f"dns={encoded()}", "/dns-query/aToken"), b"", "aToken"),
        (get("dns=" + "".join(f"%{ord(c):02x}" for c in encoded())), b"", None),
        (post(), QUERY, None),
        (post("/dns-query/t"), QUERY, "t"),
        (post("/dns-query?x=y"), QUERY, None),
        (post(media_type="Application/DNS-message ; charset=x", length=len(QUERY)), QUERY, None),
    ],
)
def test_a_query_is_read_from_both_methods(request_: Request, body: bytes, token: str | None) -> None:
    assert read_request(request_, body) == DohQuery(QUERY, token)


def test_the_example_of_the_rfc_is_read() -> None:  # RFC 8484 §4.1.1
    asked = read_request(get("dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB"), b"")

    assert str(DNSRecord.parse(asked.query).q.qname) == "www.example.com."


@pytest.mark.parametrize("n_octets", [12, MAX_QUERY_OCTETS])
def test_the_shortest_and_the_longest_query_are_read(n_octets: int) -> None:
    query = QUERY[:12] + bytes(n_octets - 12)

    assert read_request(get(f"dns={encoded(query)}"), b"").query == read_request(post(), query).query == query


@pytest.mark.parametrize(
    ("why", "request_", "body", "status"),
    [
        ("another path", Request("GET", "/"), b"", 404),
        ("a longer name", Request("GET", "/dns-queryx"), b"", 404),
        ("an empty token", post("/dns-query/"), QUERY, 404),
        ("a folder", post("/dns-query/a/b"), QUERY, 404),
        ("no path", Request("GET", ""), b"", 404),
        ("a full URL", Request("GET", "https://dns.test/dns-query"), b"", 404),
        ("HEAD", Request("HEAD", f"/dns-query?dns={encoded()}"), b"", 405),
        ("PUT", Request("PUT", "/dns-query"), QUERY, 405),
        ("no type", post(media_type=None), QUERY, 415),
        ("JSON", post(media_type="application/dns-json"), QUERY, 415),
        ("a body too long", post(), QUERY[:12] + bytes(MAX_QUERY_OCTETS - 11), 413),
        ("a body that will be too long", post(length=MAX_QUERY_OCTETS + 1), b"", 413),
        ("a query too long", get(f"dns={encoded(QUERY[:12] + bytes(MAX_QUERY_OCTETS - 11))}"), b"", 413),
        ("a target too long", get("dns=" + "A" * MAX_TARGET_OCTETS), b"", 414),
        ("no parameter", Request("GET", "/dns-query"), b"", 400),
        ("an empty one", get("dns="), b"", 400),
        ("two", get(f"dns={encoded()}&dns={encoded()}"), b"", 400),
        ("padded", get("dns=AAABAAABAAAAAAAAAA=="), b"", 400),
        ("base64, not base64url", get("dns=AA+/AAABAAAAAAAA"), b"", 400),
        ("one character over", get("dns=AAAAA"), b"", 400),
        ("many parameters", get("a=b&" * 20 + f"dns={encoded()}"), b"", 400),
        ("a short message", post(), bytes(11), 400),
        ("an answer", post(), b"\0\0\x80\0" + bytes(8), 400),
        ("nothing", post(), b"", 400),
    ],
)
def test_what_is_no_query_is_refused_with_its_status(why: str, request_: Request, body: bytes, status: int) -> None:
    assert status_of(request_, body) == status


def test_a_head_is_refused_before_its_body_comes() -> None:
    with pytest.raises(DohRefusal) as refused:
        check_head(post(media_type="text/plain"))
    assert refused.value.status == 415
    check_head(post())


@pytest.mark.parametrize(("length", "read"), [(b"7", 7), (b"-7", None), (b"x", None), (b"9" * 10, None), (b"", None)])
def test_a_request_is_made_of_the_first_headers_of_a_name(length: bytes, read: int | None) -> None:
    headers = [
        (b":method", b"POST"),
        (b":path", b"/dns-query"),
        (b"content-type", b"a/b"),
        (b"content-type", b"c/d"),
        (b"content-length", length),
        (b"x", b"\xff"),
    ]

    assert request_of(headers) == Request("POST", "/dns-query", "a/b", read)
    assert request_of([]) == Request("", "", None, None)


def test_an_answer_says_how_long_it_may_be_kept() -> None:
    reply = DNSRecord.question("www.free.test").reply()
    for ttl in (300, 60):
        reply.add_answer(RR("www.free.test", QTYPE.A, ttl=ttl, rdata=A("192.0.2.1")))
    answer = bytes(reply.pack())

    assert answer_headers(answer) == [
        (":status", "200"),
        ("content-type", TYPE),
        ("content-length", str(len(answer))),
        ("cache-control", "private, max-age=60"),
    ]


def test_a_refusal_says_why_and_what_is_allowed() -> None:
    headers, body = refusal(DohRefusal(405, "no; not answered; do"))

    assert headers[0] == (":status", "405") and ("allow", "GET, POST") in headers and body == b"no; not answered; do\n"
    assert "allow" not in dict(refusal(DohRefusal(404, "no"))[0])


def answer(n_records: int = 1, ttl: int = 300, soa: tuple[int, int] | None = None) -> bytes:
    """soa  its own TTL and its minimum."""
    reply = DNSRecord.question("www.free.test").reply()
    for number in range(n_records):
        reply.add_answer(RR("www.free.test", QTYPE.A, ttl=ttl + number, rdata=A("192.0.2.1")))
    if soa:
        reply.add_auth(RR("test", QTYPE.SOA, ttl=soa[0], rdata=SOA("a.test", "b.test", (1, 2, 3, 4, soa[1]))))
    reply.add_ar(EDNS0(udp_len=1232))
    return bytes(reply.pack())


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        (answer(3, 60), 60),
        (answer(0), 0),
        (answer(1, 1 << 31), 0),
        (answer(0, soa=(300, 60)), 60),
        (answer(0, soa=(30, 60)), 30),
        (answer(1, 20, (300, 60)), 20),
        (answer(1, 200, (300, 60)), 60),
    ],
)
def test_an_answer_is_as_fresh_as_its_shortest_record_or_its_soa_says(message: bytes, wanted: int) -> None:
    assert freshness_s(message) == wanted


def test_an_answer_cut_at_any_octet_is_not_to_be_kept() -> None:
    whole = answer(2, soa=(300, 60))

    assert {freshness_s(whole[:n]) for n in range(len(whole))} == {0}
