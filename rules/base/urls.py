"""The one canonical URL: the form of URLs from lists, requests, API and command line for comparison.

The form is `host[:port]/path[?query]`; fastpath.wire.url says what becomes one, and is the code that a worker runs.
Here international host names are turned to A-labels first, by the same rules as names.

Invariants: canonical_url(canonical_url(x)) == canonical_url(x); nothing but BadName is raised, for any text; a URL
of one port, path or query is never read as a whole host.
Source: WHATWG URL §3.5, RFC 3986 §3; what is made equal by us alone stands in fastpath.wire.url.
"""

import re

import idna

from fastpath.wire.name import to_text
from fastpath.wire.url import FAULTS, CanonicalUrl, canonical, join, split
from rules.base.canonical import IS_ADDRESS, IS_EMPTY, NOT_UTF8, canonical_octets, canonical_wire
from rules.base.errors import BadName, BadUrl

BAD_HOST = "has a host that is neither a name nor an address"
IS_FRAGMENT = "is narrower than its host by a fragment alone, which neither DNS nor a gate sees: not widened"
IS_SCHEME = "has a broken scheme: write http:// or https:// once, before the host"
IS_TWO_URLS = "holds two URLs: write each by itself"
NO_DOT = "has no dot in its host, so it is no URL; if it is one, write http:// before it"
HAS_BLANK = "has a blank inside: write %20 for one of a URL, and several addresses each by itself"

assert BAD_HOST in FAULTS.values()

_SCHEMES = (b"http", b"https", b"hxxp", b"hxxps")  # no host of the public Internet: each is a top-level domain
_SECOND_URL = re.compile(rb"[^?#]*[,;|][ ]*h(?:tt|xx)ps?:[/\\]{2}", re.IGNORECASE)
_HAS_SCHEME = re.compile(rb"\s*(?:[A-Za-z][A-Za-z0-9+.-]*:)?[/\\]{2}")
_NO_DOT = re.compile(rb"[^/.\[]*/")  # of a canonical URL: its host is no IPv6 address either
_NUMBER = re.compile(rb"\s*\d+[/\\?#:]")  # which is an address, but no one's own: 1/2
_BLANK_INSIDE = re.compile(rb"\S\s+\S")
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


def read_entry(text: str) -> tuple[bytes | None, bytes | None]:
    """Read what a list or an order names: as read_address(), but what would be widened or can only be dead is refused.

    Refused in addition: a URL that only its fragment makes narrower than its host, a broken scheme, two URLs in one,
    blanks inside; without a scheme, a host without a dot, as in `n/a`.   Raises BadName with the reason."""
    return read_entry_octets(_octets(text))


def read_entry_octets(octets: bytes) -> tuple[bytes | None, bytes | None]:
    """The same of octets as a file holds them, without white space around."""
    if _MARKS.isdisjoint(octets):
        return read_address_octets(octets)
    if _BLANK_INSIDE.search(octets):
        raise BadUrl(HAS_BLANK)
    if _SECOND_URL.match(octets):
        raise BadUrl(IS_TWO_URLS)
    wire, url = read_address_octets(octets)
    host, _, path = (url or to_text(wire or b"\0").encode()).partition(b"/")
    if host.partition(b":")[0] in _SCHEMES:
        raise BadUrl(IS_SCHEME)
    if not path and octets.partition(b"#")[2].strip():
        raise BadUrl(IS_FRAGMENT)
    if url is not None and not _HAS_SCHEME.match(octets) and (_NO_DOT.match(url) or _NUMBER.match(octets)):
        raise BadUrl(NO_DOT)
    return wire, url


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
    """The name in A-labels, or the address that UTS 46 makes of, for example, full-width digits."""
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
