"""The sealed orders that two persons have agreed to, as one sealed list: what base and reader have of them.

    control ─ approved messages ─→ bundle (a file, named by its digest) ─→ compile job ─→ reader ─→ digests, counts

Invariants: the bundle holds what issuers have encrypted, and no entry; it is written whole, or stays as it was; the
name of its file follows from what is in it, so that another one is compiled.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from filterd.box.places import LISTS
from filterd.config import Config
from filterd.config.schema import SEALED_ORDERS
from rules.base.atomic_file import writing_whole
from rules.base.errors import BadList
from rules.lists.source import Source, describe_source

_SUFFIX: Final = ".orders"


class SealedOrder(Struct, frozen=True):
    """One of them.   number  of the order;   format  of what is encrypted;   octets  OpenPGP"""

    number: int
    format: str
    octets: bytes


@dataclass(frozen=True, slots=True)
class Bundle:
    """Those of a box.   folder  where its file is"""

    folder: Path

    def put(self, orders: Sequence[SealedOrder]) -> bool:
        """Have these, by rising number, and no other ones; whether that is another bundle.   Raises OSError"""
        octets = msgspec.json.encode(orders)
        path = self.folder / (hashlib.sha256(octets).hexdigest() + _SUFFIX)
        before = self.path()
        if (before == path) if orders else (before is None):
            return False
        if orders:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with writing_whole(path) as file:
                file.write(octets)
        for other in self._files():
            if not orders or other != path:
                other.unlink(missing_ok=True)
        return True

    def path(self) -> Path | None:
        """Its file; None: no sealed order is to be in force.   Of two, which a crash can leave, the newer one."""
        return max(self._files(), key=lambda path: path.stat().st_mtime_ns, default=None)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob(f"*{_SUFFIX}"))


def bundle_of(config: Config) -> Bundle:
    """The bundle of a box."""
    return Bundle(config.state_dir / LISTS / SEALED_ORDERS)


def bundle_source(config: Config, action: str) -> Source | None:
    """The list of the sealed orders; None: none exists.   action  of what is blocked"""
    path = bundle_of(config).path()
    return None if path is None else replace(_source(SEALED_ORDERS, "plain", action), path=path)


def sealed_orders_in(report: Mapping[str, Any]) -> dict[int, dict[str, int]]:
    """The orders that a base holds, by the report of its compilation: order → status → entries."""
    held = (each.get("letters", {}) for each in report["lists"] if each["list"] == SEALED_ORDERS)
    return {int(order): counts for letters in held for order, counts in letters.items()}


@dataclass(frozen=True, slots=True)
class UnpackedBundle:
    """A bundle on its way to the reader.   copies  a file and a source for each order;   numbers  of the orders"""

    numbers: list[int] = field(default_factory=list)
    copies: list[tuple[Path, Source]] = field(default_factory=list)


def unpacked(source: Source, folder: Path) -> UnpackedBundle:
    """Write each message of the bundle of a list as a file.   Raises BadList"""
    assert source.path is not None
    try:
        orders = msgspec.json.decode(source.path.read_bytes(), type=list[SealedOrder])
    except (OSError, msgspec.DecodeError) as reason:
        raise BadList(f"list {source.id!r}: {source.path.name[:16]}: {type(reason).__name__}; not compiled") from reason
    found = UnpackedBundle()
    for order in orders:
        copy = folder / str(order.number)
        copy.write_bytes(order.octets)
        found.numbers.append(order.number)
        found.copies.append((copy, source_of_order(order, source.action.name.lower())))
    return found


def source_of_order(order: SealedOrder, action: str = "splash") -> Source:
    """How the message of one order is read."""
    return _source(f"order-{order.number}", order.format, action)


def _source(list_id: str, list_format: str, action: str) -> Source:
    said = {"tier": "csam", "format": list_format, "action": action}
    return replace(describe_source(list_id, None, said), is_sealed=True)
