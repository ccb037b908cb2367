"""DNS over HTTPS requests and responses, independent of the HTTP version.  No I/O.

    method, target, headers, body → read_request() → DohQuery | DohRefusal(status)      answer → response_headers()

Invariants: a request without a DNS query gets a 4xx and no DNS answer; every DNS answer is a 200, for any rcode; an
answer is cached no longer than its records, and by the client only, because another client may get another one.
Source: RFC 8484 §4.1 (requests), §4.2.1 (status), §5.1 (freshness), §6 (media type); RFC 4648 §5 (base64url);
RFC 2308 §5 (negative answers).
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from dns.base.wire_format import SOA, is_request
from fastpath.dns.records import records

PATH: Final = "/dns-query"
MEDIA_TYPE: Final = "application/dns-message"
# A query has one name and a few options; padded to blocks of 128 octets (RFC 8467 §4.1) it is still far below.
MAX_QUERY_OCTETS: Final = 4096
MAX_TARGET_OCTETS: Final = 200 + MAX_QUERY_OCTETS * 4 // 3
MAX_PARAMETERS: Final = 10

_ANSWER: Final = 0
_AUTHORITY: Final = 1
_BASE64URL: Final = re.compile("[A-Za-z0-9_-]+")

Headers = list[tuple[str, str]]


class DohRefusal(Exception):
    """The request gets no DNS answer; the message tells the client why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """The head of a request.   length: of its body, None if not declared."""

    method: str
    target: str
    media_type: str | None = None
    length: int | None = None


@dataclass(frozen=True, slots=True)
class DohQuery:
    """A DNS query from a request.   token: the device's, as written; None: not in the path."""

    query: bytes
    token: str | None


def request_of(headers: Sequence[tuple[bytes, bytes]]) -> Request:
    """Make a Request from decoded HTTP/2 headers."""
    said = {name: value.decode("latin-1") for name, value in reversed(headers)}
    length = said.get(b"content-length", "")
    return Request(
        said.get(b":method", ""),
        said.get(b":path", ""),
        said.get(b"content-type"),
        int(length) if re.fullmatch("[0-9]{1,9}", length) else None,
    )


def check_head(request: Request) -> None:
    """Check the head before the body comes.   Raises DohRefusal."""
    if len(request.target) > MAX_TARGET_OCTETS:
        raise DohRefusal(414, f"a target of more than {MAX_TARGET_OCTETS} octets; not answered; use POST")
    _token(request.target.partition("?")[0])
    if request.method not in ("GET", "POST"):
        raise DohRefusal(405, "neither GET nor POST; not answered; use one of them")
    if request.method == "POST":
        if (request.media_type or "").partition(";")[0].strip().lower() != MEDIA_TYPE:
            raise DohRefusal(415, f"the body is of another type; not answered; send {MEDIA_TYPE}")
        check_length(request.length or 0)


def check_length(n_octets: int) -> None:
    """Check the length of a body so far.   Raises DohRefusal."""
    if n_octets > MAX_QUERY_OCTETS:
        raise DohRefusal(413, f"more than {MAX_QUERY_OCTETS} octets; not answered; send one query")


def read_request(request: Request, body: bytes) -> DohQuery:
    """Read the DNS query of a whole request.   Raises DohRefusal."""
    check_head(request)
    path, _, parameters = request.target.partition("?")
    query = body if request.method == "POST" else _decoded(parameters)
    if not is_request(query):
        raise DohRefusal(400, "not a DNS query; not answered; send one message in wire form")
    check_length(len(query))
    return DohQuery(query, _token(path))


def _token(path: str) -> str | None:
    """The token in a path, None without one.   Raises DohRefusal for any other path."""
    if path == PATH:
        return None
    token = path.removeprefix(f"{PATH}/")
    if token == path or "/" in token or not token:
        raise DohRefusal(404, f"nothing is here; not answered; ask at {PATH}")
    return token


def _decoded(parameters: str) -> bytes:
    """Decode the parameter `dns`.   Raises DohRefusal."""
    try:
        written = [value for name, value in parse_qsl(parameters, max_num_fields=MAX_PARAMETERS) if name == "dns"]
        if len(written) == 1 and _BASE64URL.fullmatch(written[0]):
            return base64.urlsafe_b64decode(written[0] + "=" * (-len(written[0]) % 4))
    except (ValueError, binascii.Error):
        pass
    raise DohRefusal(400, "no parameter dns=, or not in base64url; not answered; encode it without padding")


def answer_headers(answer: bytes) -> Headers:
    """Headers of a DNS answer."""
    return [
        (":status", "200"),
        ("content-type", MEDIA_TYPE),
        ("content-length", str(len(answer))),
        ("cache-control", f"private, max-age={freshness_s(answer)}"),
    ]


def freshness_s(answer: bytes) -> int:
    """Freshness lifetime: the lowest TTL, for a negative answer the SOA's; 0: not cacheable."""
    try:
        found = records(answer)
    except ValueError:
        return 0
    ttls = [record.ttl_s for record in found if record.section == _ANSWER]
    for record in found:
        if record.section == _AUTHORITY and record.kind == SOA:
            ttls += [record.ttl_s, int.from_bytes(record.data[-4:], "big")]
    # RFC 2181 §8: with the first bit set a TTL counts as 0.
    return min((ttl if ttl < 1 << 31 else 0 for ttl in ttls), default=0)


def refusal(refused: DohRefusal) -> tuple[Headers, bytes]:
    """Headers and body of a refused request."""
    body = f"{refused}\n".encode()
    headers = [
        (":status", str(refused.status)),
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", str(len(body))),
        ("cache-control", "no-store"),
    ]
    if refused.status == 405:
        headers.append(("allow", "GET, POST"))
    return headers, body
