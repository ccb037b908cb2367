"""Canonical URLs and their matching as one would explain them: regular expressions, lists of segments, dictionaries."""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes

from fastpath.images.verdict import Mode

MOST_OCTETS = 2048
PATH_SAFE = "-._~!$&'()*+,;=:@/"
NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")
SCHEME = re.compile(rb"https?:(?![0-9]+(?:[/\\?#]|$))[/\\]*|[/\\]{2,}", re.IGNORECASE)
OTHER_SCHEME = re.compile(rb"(?!https?:)[A-Za-z0-9+.-]*:[/\\]{2}", re.IGNORECASE)
AUTHORITY = re.compile(rb"[^/\\?#]*")
HOST_AND_PORT = re.compile(rb"(\[[^\]]*\][^:]*|[^:\[][^:]*|)(:.*)?", re.DOTALL)


def canonical(text: bytes) -> bytes | None:
    """The canonical text, None where the text is no URL.   Only for hosts in ASCII."""
    text = re.sub(rb"[\t\n\r]", b"", text.strip(bytes(range(33))))
    if len(text) > MOST_OCTETS or OTHER_SCHEME.match(text):
        return None
    scheme = SCHEME.match(text)
    text = text[scheme.end() :] if scheme else text
    authority = AUTHORITY.match(text)[0]  # type: ignore[index]
    rest = text[len(authority) :].split(b"#")[0]
    if b"@" in authority and not scheme:
        return None
    host_and_port = HOST_AND_PORT.fullmatch(authority.rpartition(b"@")[2])
    if host_and_port is None:
        return None
    host = canonical_host(unquote_to_bytes(host_and_port[1]))
    port = canonical_port(host_and_port[2] or b"", bool(scheme))
    if host is None or port is None:
        return None
    path, _, query = rest.partition(b"?")
    found = host + port + canonical_path(path) + canonical_query(query)
    return found.encode() if len(found) <= MOST_OCTETS else None


def canonical_host(host: bytes) -> str | None:
    if not host.isascii():
        return None
    text = host.decode().lower()
    if text[:1] == "[" and text[-1:] == "]":
        try:
            return f"[{_v6_text(ipaddress.IPv6Address(text[1:-1]))}]" if "%" not in text else None
        except ValueError:
            return None
    labels = text.removesuffix(".").split(".")
    if NUMBER.fullmatch(labels[-1]):
        return _v4(labels)
    fits = all(re.fullmatch("[a-z0-9_-]{1,63}", label) for label in labels)
    return ".".join(labels) if fits and len(".".join(labels)) <= 253 else None


def _v6_text(address: ipaddress.IPv6Address) -> str:
    """WHATWG writes an IPv4 address inside of it in hexadecimal, newer versions of ipaddress do not."""
    groups = [f"{int.from_bytes(address.packed[at : at + 2]):x}" for at in range(0, 16, 2)]
    whole = ":".join(groups)
    runs = sorted(re.finditer(r"\b0(:0)+\b", whole), key=lambda run: -len(run[0]))
    if not runs:
        return whole
    start, end = runs[0].span()
    return whole[:start].removesuffix(":") + "::" + whole[end:].removeprefix(":")


def _v4(labels: list[str]) -> str | None:
    if len(labels) > 4 or not all(NUMBER.fullmatch(label) for label in labels):
        return None
    try:
        numbers = [_number(label) for label in labels]
    except ValueError:
        return None
    if any(number > 255 for number in numbers[:-1]) or numbers[-1] >= 256 ** (5 - len(numbers)):
        return None
    value = numbers[-1] + sum(number * 256 ** (3 - i) for i, number in enumerate(numbers[:-1]))
    return str(ipaddress.IPv4Address(value))


def _number(label: str) -> int:
    if label[:2] == "0x":
        return int(label[2:] or "0", 16)
    return int(label, 8 if label[0] == "0" else 10)


def canonical_port(port: bytes, may_be_empty: bool) -> str | None:
    if port in (b"", b":"):
        return "" if may_be_empty or not port else None
    if not re.fullmatch(rb":[0-9]+", port) or int(port[1:]) > 65535:
        return None
    return "" if int(port[1:]) in (80, 443) else f":{int(port[1:])}"


def canonical_path(path: bytes) -> str:
    path = decode(path).replace(b"\\", b"/")
    kept: list[bytes] = []
    segments = path.removeprefix(b"/").split(b"/")
    for segment in segments:
        if segment == b"..":
            del kept[-1:]
        elif segment != b".":
            kept.append(segment)
    if segments[-1] in (b".", b".."):
        kept.append(b"")
    return re.sub("/+", "/", "/" + quote_from_bytes(b"/".join(kept), PATH_SAFE))


def canonical_query(query: bytes) -> str:
    return "?" + quote_from_bytes(decode(query), PATH_SAFE + "?") if query else ""


def decode(octets: bytes) -> bytes:
    while (further := unquote_to_bytes(octets)) != octets:
        octets = further
    return octets


# -- matching ----------------------------------------------------------------------------------------------------------


class UrlEntry(NamedTuple):
    list: str
    url: str  # canonical
    mode: Mode


def prefixes(url: str) -> Iterator[str]:
    """The URLs that a SUBTREE entry may name to cover `url`, longest first; `url` itself is one of them."""
    path, mark, _ = url.partition("?")
    host_end = path.index("/")
    if mark:
        yield url
    yield path
    for at in range(len(path) - 1, host_end - 1, -1):
        if path[at] == "/":
            if at + 1 < len(path):
                yield path[: at + 1]
            if at > host_end:
                yield path[:at]


def is_match(entry: UrlEntry, url: str) -> bool:
    if entry.mode is Mode.EXACT:
        return url == entry.url
    return entry.url in set(prefixes(url))


def matches(entries: Iterable[UrlEntry], url: str) -> set[tuple[str, str, Mode]]:
    return {(entry.list, entry.url, entry.mode) for entry in entries if is_match(entry, url)}
