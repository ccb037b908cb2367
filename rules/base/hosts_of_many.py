"""Addresses behind which many sites are: anyone who closes one of them closes them all.

The operator's own files say which they are, each with its day: a list of MISP's warning lists (JSON, type cidr), or a
text of prefixes whose first line is `# name, 2026-11-27`.
Invariants: a file that cannot be read is a fault that names it, and no empty list; without any list, every address is
held, since nothing is known of it.
Source: MISP/misp-warninglists; why: 250,000 sites were closed by one address in Australia in 2013.
Cost: two look-ups a prefix.
"""

import bisect
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from ipaddress import ip_network
from pathlib import Path

from rules.base.errors import BadList
from rules.base.prefixes import Network

HELD = "many sites are behind it"
UNKNOWN = "is an address, and no list of shared hosting (/protected/shared_hosting) is there to ask: held"
MAX_OCTETS = 16 << 20  # the largest of MISP's lists of clouds has some 30,000 prefixes


@dataclass(frozen=True, slots=True)
class HostingList:
    """One list.   day  of its version"""

    name: str
    day: date
    networks: tuple[Network, ...]


class Hosting:
    """The lists of this box.   fault  of a file that cannot be read: then every address is held."""

    def __init__(self, lists: Iterable[HostingList] = (), fault: str | None = None) -> None:
        self.fault = fault
        self._known: dict[int, list[tuple[int, int, str]]] = {4: [], 6: []}
        for each in lists:
            for network in each.networks:
                ends = int(network.network_address), int(network.broadcast_address)
                self._known[network.version].append((*ends, f"{each.name} of {each.day.isoformat()}"))
        self._is_empty = not any(self._known.values())
        self._firsts = {version: _widened(known) for version, known in self._known.items()}

    def refusal(self, network: Network) -> str | None:
        """Why a prefix is held; None: it touches none of the lists."""
        if self._is_empty or self.fault is not None:
            return UNKNOWN
        spans, firsts = self._firsts[network.version]
        at = bisect.bisect_right(firsts, int(network.broadcast_address)) - 1
        if at < 0 or spans[at][1] < int(network.network_address):
            return None
        return f"{HELD} ({spans[at][2]}): held"


def is_hosting_reason(reason: str) -> bool:
    """Whether Hosting.refusal() gives such a reason."""
    return reason == UNKNOWN or reason.startswith(HELD)


def read_hosting(paths: Iterable[Path]) -> Hosting:
    """The lists in some files; one that cannot be read is the fault of them all."""
    lists = []
    for path in paths:
        try:
            lists.append(read_hosting_list(path))
        except (BadList, OSError) as reason:
            return Hosting(fault=str(reason))
    return Hosting(lists)


def read_hosting_list(path: Path) -> HostingList:
    """Read one file.   Raises BadList, OSError."""
    with path.open("rb") as file:
        octets = file.read(MAX_OCTETS + 1)
    if len(octets) > MAX_OCTETS:
        raise BadList(f"{path}: longer than {MAX_OCTETS >> 20} MiB; not read; addresses of orders are held")
    try:
        text = octets.decode("utf-8")
        found = _of_json(text) if text.lstrip().startswith("{") else _of_text(text)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as reason:
        raise BadList(
            f"{path}: {reason}; not read; addresses of orders are held; write '# NAME, 2026-11-27' and a prefix a "
            "line, or take a list of MISP of type cidr"
        ) from reason
    if not found.networks:
        raise BadList(f"{path}: no prefix in it; not read; addresses of orders are held")
    return found


def _of_json(text: str) -> HostingList:
    said = json.loads(text)
    if said["type"] != "cidr":
        raise ValueError(f"a list of type {said['type']!r:.40}, not cidr")
    return HostingList(str(said["name"])[:80], _day(str(said["version"])), _networks(said["list"]))


def _of_text(text: str) -> HostingList:
    head, *lines = text.splitlines() or [""]
    name, _, day = head.removeprefix("#").strip().rpartition(",")
    if not head.startswith("#") or not name.strip():
        raise ValueError("the first line has no name and day")
    written = (line.partition("#")[0].strip() for line in lines)
    return HostingList(name.strip()[:80], _day(day.strip()), _networks(line for line in written if line))


def _day(text: str) -> date:
    """2026-11-27, or 20261127 as MISP writes it."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r:.40} is no day") from None


def _networks(said: Iterable[object]) -> tuple[Network, ...]:
    return tuple(ip_network(str(each), strict=False) for each in said)


def _widened(known: list[tuple[int, int, str]]) -> tuple[list[tuple[int, int, str]], list[int]]:
    """Spans that do not overlap, by their first address, and these first addresses."""
    spans: list[tuple[int, int, str]] = []
    for first, last, name in sorted(known):
        if spans and first <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(last, spans[-1][1]), spans[-1][2])
        else:
            spans.append((first, last, name))
    return spans, [first for first, _, _ in spans]


NO_LISTS = Hosting()
