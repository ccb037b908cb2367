"""The one canonical URL: the form of URLs from lists, requests, API and command line for comparison.

The form is `host[:port]/path[?query]`; fastpath.wire.url says what becomes one, and is the code that a worker runs.
Here international host names are turned to A-labels first, by the same rules as names.

Invariants: canonical_url(canonical_url(x)) == canonical_url(x); nothing but BadName is raised, for any text; a URL
of one port, path or query is never read as a whole host.
Source: WHATWG URL §3.5, RFC 3986 §3; what is made equal by us alone stands in fastpath.wire.url.
"""

import idna

from fastpath.wire.name import to_text
from fastpath.wire.url import FAULTS, CanonicalUrl, canonical, join, split
from rules.errors import BadName, BadUrl
from rules.names.canonical import IS_ADDRESS, IS_EMPTY, NOT_UTF8, canonical_octets, canonical_wire

BAD_HOST = "has a host that is neither a name nor an address"

assert BAD_HOST in FAULTS.values()

_MARKS = frozenset(b":/\\?#@[")  # a text without any of them is a name, or nothing


def canonical_url(text: str) -> str:
    """Canonicalise one URL, with or without scheme.   Raises BadUrl with the reason.   Cost: bench/urls.py."""
    return read_url(_octets(text)).text.decode("ascii")


def canonical_url_octets(octets: bytes) -> bytes:
    """Canonicalise one URL as a file or a request holds it: a host in ASCII or UTF-8, any octets behind it.

    Raises BadUrl with the reason."""
    return read_url(octets).text


def read_address(text: str) -> tuple[bytes | None, bytes | None]:
    """Read what may be a name or a URL: (wire form, None) of a name, (None, canonical URL) of anything narrower.

    A URL of nothing but a host, `http://bad.example/`, is its name.  With a port, a path or a query, or where the host
    is an address, it stays a URL.  A bare address is neither.
    Raises BadName with the reason.   Cost: that of canonical_octets() for a plain name."""
    return read_address_octets(_octets(text))


def read_address_octets(octets: bytes) -> tuple[bytes | None, bytes | None]:
    """The same of octets as a file holds them, without white space around."""
    if _MARKS.isdisjoint(octets):
        return canonical_octets(octets), None
    if not octets.strip():
        raise BadName(IS_EMPTY)
    if b"/" not in octets and b"\\" not in octets:
        _refuse_bare_ipv6(octets)
    url = read_url(octets)
    if url.is_host_alone:
        return url.wire, None
    if url.wire is None and b"/" not in octets:
        raise BadName(IS_ADDRESS)
    return None, url.text


def read_url(octets: bytes) -> CanonicalUrl:
    """Canonicalise one URL, and say what it is made of.   Raises BadUrl with the reason."""
    try:
        return canonical(octets) or _international(octets)
    except ValueError as why:
        raise why if isinstance(why, BadUrl) else BadUrl(str(why)) from None


def _international(octets: bytes) -> CanonicalUrl:
    host, port, rest = split(octets)
    try:
        return join(_ascii_host(host.decode("utf-8")), port, rest)
    except UnicodeDecodeError:
        raise BadUrl(NOT_UTF8) from None


def _ascii_host(host: str) -> bytes:
    """The name in A-labels, or the address that UTS 46 makes of, say, full-width digits."""
    if not _MARKS.isdisjoint(host.encode("utf-8")):
        raise BadUrl(BAD_HOST)
    try:
        return to_text(canonical_wire(host)).encode("ascii")
    except BadName as why:
        if why.reason != IS_ADDRESS:
            raise BadUrl(why.reason) from None
    return idna.uts46_remap(host, std3_rules=False).encode("ascii")


def _refuse_bare_ipv6(octets: bytes) -> None:
    """Give `2001:db8::1` the reason that other bare addresses have; its first colon looks like a port's."""
    if octets.count(b":") > 1:
        canonical_octets(octets)


def _octets(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair
        raise BadUrl(NOT_UTF8) from None
