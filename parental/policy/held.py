"""Everything that is held, as rows that columns are made of (fastpath.people.held_prefixes): no object for a prefix.

Invariants: a row names the profile that answers for its prefix: a device's, or else its line's.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from socket import AF_INET6, inet_pton
from typing import Any

from sqlalchemy import BindParameter, CompoundSelect, Connection, Select, bindparam, func, select, union_all

from parental.store.schema.lines import addresses, devices, lines

Held = tuple[int, bytes, int, int]  # version, first address, prefix length, profile
AT_ONCE = 10_000  # rows in memory
BATCH = 450  # numbers of one statement, which may name them twice; SQLite takes at least 999 values

_PREFIX = addresses.c.version, addresses.c.first, addresses.c.prefix_length


def iter_held(conn: Connection, numbers: Sequence[int] | None = None) -> Iterator[Held]:
    """What profiles hold of the network, in no order.   numbers  of the profiles; None: of all

    Cost: 1.5 µs a row; only what the profiles hold is read"""
    if numbers is None:
        its = func.coalesce(addresses.c.profile, lines.c.profile)
        yield from _streamed(conn, select(*_PREFIX, its).join(lines, lines.c.id == addresses.c.line))
        return
    for some in _batches(numbers):
        yield from _streamed(conn, _of_numbers(), {"numbers": some})


@cache
def _of_numbers() -> CompoundSelect[Any]:
    """Asks for the prefixes of some profiles; made once."""
    numbers: BindParameter[Any] = bindparam("numbers", expanding=True)
    of_lines = select(*_PREFIX, lines.c.profile).join(lines, lines.c.id == addresses.c.line)
    of_lines = of_lines.where(addresses.c.profile.is_(None), lines.c.profile.in_(numbers))
    of_devices = select(*_PREFIX, addresses.c.profile).where(addresses.c.profile.in_(numbers))
    return union_all(of_lines, of_devices)


def iter_tokens(conn: Connection, numbers: Sequence[int] | None = None) -> Iterator[Held]:
    """The addresses that images have for devices with a token (parental.people.devices); as iter_held()."""
    of_lines = select(devices.c.address, lines.c.profile).join(lines, lines.c.id == devices.c.line)
    of_lines = of_lines.where(devices.c.profile.is_(None))
    of_devices = select(devices.c.address, devices.c.profile).where(devices.c.profile.is_not(None))
    for some in [None] if numbers is None else _batches(numbers):
        chosen = of_lines, of_devices
        if some is not None:
            chosen = of_lines.where(lines.c.profile.in_(some)), of_devices.where(devices.c.profile.in_(some))
        for address, profile in _streamed(conn, union_all(*chosen)):
            yield 6, inet_pton(AF_INET6, address), 128, profile


def _batches(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    return (numbers[at : at + BATCH] for at in range(0, len(numbers), BATCH))


def _streamed(conn: Connection, chosen: Select[Any] | Any, said: Mapping[str, Any] | None = None) -> Iterator[Any]:
    for rows in conn.execute(chosen, said, execution_options={"yield_per": AT_ONCE}).partitions():
        yield from rows
