"""The evasion suite: all rows of the catalogue that are played, and what each is made of."""

from support.evasion import decoys, httprows, iplayer, quicrows, splitting, tlsrows
from support.evasion.hellos import HELLOS
from support.evasion.segments import Row, Stream

DECOY_NAME = b"www.allowed.test"
BASES = {**HELLOS, **tlsrows.BASES, **httprows.BASES, **quicrows.HELLOS}
FAMILIES: dict[str, list[Row]] = {
    "split": splitting.ROWS,
    "decoy": decoys.ROWS,
    "ip": iplayer.ROWS,
    "tls": tlsrows.ROWS,
    "http": httprows.ROWS,
    "quic": quicrows.ROWS,
}
BY_NAME = {row.name: row for rows in FAMILIES.values() for row in rows}
assert len(BY_NAME) == sum(map(len, FAMILIES.values())), "two rows have one name"


def servers_of(row: Row, base: str) -> tuple[str, ...]:
    """Who might complete it."""
    if row.server:
        return (row.server,)
    return ("nginx", "lenient") if base in httprows.BASES else ("tls",)


def is_quic(base: str) -> bool:
    return base in quicrows.HELLOS


def build(row_name: str, base: str, name: str) -> tuple[Row, Stream]:
    """The row, and the stream it transforms.   The decoy is cut or filled up to the length of what is hidden."""
    octets = BASES[base](name.encode())
    false = BASES[base](DECOY_NAME)[: len(octets)]
    return BY_NAME[row_name], Stream(octets, false + bytes(len(octets) - len(false)), name.encode())
