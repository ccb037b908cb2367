"""A hello's fingerprint is the one that a second reader, who knows nothing of limits or cursors, makes of it."""

from collections.abc import Iterator
from hashlib import sha256

from fastpath.wire.ja4 import ja4

MOST = 128
VERSIONS = {0x304: "13", 0x303: "12", 0x302: "11", 0x301: "10", 0x300: "s3", 2: "s2"}


class Cut(Exception):
    """Lengths that do not nest."""


class Reader:
    def __init__(self, octets: bytes) -> None:
        self.rest = octets

    def take(self, n: int) -> bytes:
        if n > len(self.rest):
            raise Cut
        taken, self.rest = self.rest[:n], self.rest[n:]
        return taken

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width), "big")

    def vector(self, width: int) -> bytes:
        return self.take(self.number(width))

    def all_of(self, width: int) -> bytes:
        """A vector up to the end."""
        found = self.vector(width)
        if self.rest:
            raise Cut
        return found


def check(data: bytes) -> None:
    data = b"\x01" + data[1:]
    try:
        theirs: str | None = fingerprint(data)
    except Cut:
        theirs = None
    try:
        assert ja4(data) == theirs
    except ValueError as refused:
        # ours stops at a limit before it sees what is wrong behind it
        assert theirs is None or (len(data) > 2 * MOST and "more than" in str(refused))


def fingerprint(message: bytes) -> str:
    body = Reader(message)
    body.take(4)
    version = body.number(2)
    body.take(32)
    body.vector(1)
    suites = codes(body.vector(2))
    body.vector(1)
    extensions = list(extensions_of(body.all_of(2))) if body.rest else []
    algorithms: list[int] = []
    protocol, seen_protocol = b"", False
    for kind, octets in extensions:
        if kind == 13:
            algorithms = codes(Reader(octets).all_of(2))
        elif kind == 43:
            version = max(codes(Reader(octets).all_of(1)), default=0)
        elif kind == 16:
            names = Reader(octets).all_of(2)
            first = Reader(names).vector(1) if names and not seen_protocol else b""
            protocol, seen_protocol = protocol or first, seen_protocol or first != b""
    kinds = [kind for kind, _ in extensions]
    shown = f"{VERSIONS.get(version, '00')}{'d' if 0 in kinds else 'i'}{least(suites)}{least(kinds)}{ends(protocol)}"
    rest = sorted(kind for kind in kinds if kind not in (0, 16))
    return f"t{shown}_{digits(sorted(suites))}_{digits(rest, algorithms)}"


def extensions_of(block: bytes) -> Iterator[tuple[int, bytes]]:
    reader = Reader(block)
    while reader.rest:
        kind, octets = reader.number(2), reader.vector(2)
        if not is_grease(kind):
            yield kind, octets


def codes(octets: bytes) -> list[int]:
    if len(octets) % 2:
        raise Cut
    found = [int.from_bytes(octets[at : at + 2], "big") for at in range(0, len(octets), 2)]
    return [code for code in found if not is_grease(code)]


def is_grease(code: int) -> bool:
    return code in range(0x0A0A, 0x10000, 0x1010)


def least(found: list[int]) -> str:
    return f"{min(len(found), 99):02}"


def ends(protocol: bytes) -> str:
    if not protocol:
        return "00"
    text = chr(protocol[0]) + chr(protocol[-1])
    return text if text.isascii() and text.isalnum() else protocol.hex()[0] + protocol.hex()[-1]


def digits(listed: list[int], behind: list[int] | None = None) -> str:
    if not listed:
        return "0" * 12
    text = ",".join(f"{code:04x}" for code in listed)
    if behind:
        text += "_" + ",".join(f"{code:04x}" for code in behind)
    return sha256(text.encode()).hexdigest()[:12]
