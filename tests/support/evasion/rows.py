"""The evasion suite: all rows of the catalogue that are played, and the bases that each row uses."""

from support.evasion import decoys, http_rows, ip_rows, quic_rows, segmentation, tls_rows
from support.evasion.hellos import HELLOS
from support.evasion.segments import Row, Stream

DECOY_NAME = b"www.allowed.test"
BASES = {**HELLOS, **tls_rows.BASES, **http_rows.BASES, **quic_rows.HELLOS}
FAMILIES: dict[str, list[Row]] = {
    "split": segmentation.ROWS,
    "decoy": decoys.ROWS,
    "ip": ip_rows.ROWS,
    "tls": tls_rows.ROWS,
    "http": http_rows.ROWS,
    "quic": quic_rows.ROWS,
}
BY_NAME = {row.name: row for rows in FAMILIES.values() for row in rows}
assert len(BY_NAME) == sum(map(len, FAMILIES.values())), "two rows have one name"


def servers_of(row: Row, base: str) -> tuple[str, ...]:
    """Who might complete it."""
    if row.server:
        return (row.server,)
    return ("nginx", "lenient") if base in http_rows.BASES else ("tls",)


def is_quic(base: str) -> bool:
    return base in quic_rows.HELLOS


def build(row_name: str, base: str, name: str) -> tuple[Row, Stream]:
    """The row, and the stream it transforms.   The decoy is cut or filled up to the length of what is hidden."""
    octets = BASES[base](name.encode())
    false = BASES[base](DECOY_NAME)[: len(octets)]
    return BY_NAME[row_name], Stream(octets, false + bytes(len(octets) - len(false)), name.encode())
