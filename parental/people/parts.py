"""Parts of a household that can answer to a child: a whole line, a device with a token, an address or a named device.

Invariants: a part is found by its key among those that there are, never read out of one; what is offered is no child's,
and its line has something else besides: the only address of a line is the line.
"""

from ipaddress import IPv6Network
from typing import NamedTuple

from sqlalchemy import Connection, select

from parental.people.accounts import lines_of
from parental.people.children import Child, assign_device, assign_line, assign_prefix
from parental.people.levels import free_lines, is_named
from parental.policy.addresses import held_by, network_of
from parental.policy.subscriber import Network
from parental.store.schema.lines import addresses, devices, lines

MAC = b"\xff\0mac"  # how the address of a device begins that its router names by its MAC (fastpath.dns.device_option)
MAC_AT, CPE_AT = 10, 5
LOCAL = 0x02  # of the first octet, "locally administered": the device has made this MAC up, and can make up another


class Part(NamedTuple):
    """label  of the line;   device  that has a token;   prefix  an address or a named device; neither: all of it"""

    line: int
    label: str
    device: str | None = None
    prefix: Network | None = None

    @property
    def kind(self) -> str:
        """line, device or prefix."""
        return "device" if self.device is not None else "prefix" if self.prefix is not None else "line"

    @property
    def key(self) -> str:
        """By which a form names it."""
        return f"{self.kind} {self.line} {self.device or self.prefix or ''}".rstrip()

    @property
    def words(self) -> str:
        """What a person calls it: the line's label, the device's name, its MAC or number, or its address."""
        if self.prefix is None:
            return self.device or self.label
        return _words(self.prefix)

    @property
    def is_private(self) -> bool:
        """Whether it is known by a MAC that its device has made up."""
        if self.prefix is None or not is_named(self.prefix):
            return False
        packed = self.prefix.network_address.packed
        return packed.startswith(MAC) and bool(packed[MAC_AT] & LOCAL)


def parts_of(conn: Connection, child: Child) -> list[Part]:
    """What answers to a child."""
    whole = select(lines.c.id, lines.c.label).where(lines.c.profile == child.profile).order_by(lines.c.id)
    named = select(devices.c.line, lines.c.label, devices.c.name).join(lines, lines.c.id == devices.c.line)
    named = named.where(devices.c.profile == child.profile).order_by(devices.c.line, devices.c.name)
    held = select(addresses, lines.c.label).join(lines, lines.c.id == addresses.c.line)
    held = held.where(addresses.c.profile == child.profile).order_by(addresses.c.version, addresses.c.first)
    return [
        *(Part(row.id, row.label) for row in conn.execute(whole)),
        *(Part(row.line, row.label, device=row.name) for row in conn.execute(named)),
        *(Part(row.line, row.label, prefix=network_of(row.first, row.prefix_length)) for row in conn.execute(held)),
    ]


def free_parts(conn: Connection, account: int) -> list[Part]:
    """What no child has.   Cost: some statements for each line"""
    found = [Part(line.id, line.label) for line in free_lines(conn, account)]
    for line in lines_of(conn, account):
        named = select(devices.c.name).where(devices.c.line == line.id, devices.c.profile.is_(None))
        found += [
            Part(line.id, line.label, device=name) for name in conn.execute(named.order_by(devices.c.name)).scalars()
        ]
        held = held_by(conn, line.id)
        free = [each.network for each in held if each.profile is None]
        found += [Part(line.id, line.label, prefix=each) for each in free if len(held) > 1 or is_named(each)]
    return found


def assign(conn: Connection, account: int, part: Part, child: Child | None) -> None:
    """Have a part answer to a child, or to its line again.   Raises NoPerson"""
    if part.device is not None:
        assign_device(conn, account, part.line, part.device, child)
    elif part.prefix is not None:
        assign_prefix(conn, account, part.line, part.prefix, child)
    else:
        assign_line(conn, account, part.line, child)


def _words(prefix: Network) -> str:
    if not isinstance(prefix, IPv6Network) or not is_named(prefix):
        return str(prefix.network_address) if prefix.prefixlen == prefix.max_prefixlen else str(prefix)
    packed = prefix.network_address.packed
    if packed.startswith(MAC):
        return packed[MAC_AT:].hex(":")
    return packed[CPE_AT:].rstrip(b"\0").decode("ascii", "replace")
