"""Delta images of names and URLs: the changes since the base, for fast updates.

A delta is cumulative.  It holds, for each name that an order has touched, the whole set of entries that now hold for
this very name; the base's own set of that name no longer counts.  The same of URLs, in an image of their own.

Invariants: an entry of another list, that the base has for a touched name, is carried over; a name whose set is as the
base has it is not in the delta; adding twice, or removing an absent entry, changes nothing.
An image keeps one entry a (list, mode) of a name, so of two orders for the same name one may be unknown to the base:
use put_entries() for the whole set that some lists now hold for a name.
"""

from collections.abc import Callable, Container, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from fastpath.images.key_builder import ListSpec
from fastpath.images.names_builder import NamesBuilder
from fastpath.images.urls import UrlsBuilder
from fastpath.images.verdict import Action
from rules.base.atomic_file import writing_whole


class Entry(NamedTuple):
    """One entry of a name: the numbers that an image holds."""

    list: int
    mode: int
    action: int = Action.NO_ACTION
    order: int = 0
    data: bytes = b""  # of LOCAL_DATA, see rules.base.local_data


Changed = dict[bytes, frozenset[Entry]]  # wire name, or URL: all that now holds for it
BaseEntries = Callable[[bytes], list[tuple[int, int, int, int, bytes]]]  # TableSet.base_entries, base_url_entries


def add_entries(changed: Changed, base_entries: BaseEntries, entries: Iterable[tuple[bytes, Entry]]) -> None:
    """Let each (canonical wire name, entry) hold."""
    for wire, entry in entries:
        _put(changed, base_entries, wire, _present(changed, base_entries, wire) | {entry})


def remove_entries(changed: Changed, base_entries: BaseEntries, entries: Iterable[tuple[bytes, Entry]]) -> None:
    """Let each (canonical wire name, entry) no longer hold."""
    for wire, entry in entries:
        _put(changed, base_entries, wire, _present(changed, base_entries, wire) - {entry})


def put_entries(
    changed: Changed, base_entries: BaseEntries, wire: bytes, numbers: Container[int], entries: Iterable[Entry]
) -> None:
    """Let the lists `numbers` hold just `entries` for a canonical name or URL; what the other lists hold stays."""
    others = {entry for entry in _present(changed, base_entries, wire) if entry.list not in numbers}
    _put(changed, base_entries, wire, frozenset(others.union(entries)))


def put_mode(
    changed: Changed, base_entries: BaseEntries, wire: bytes, number: int, mode: int, entry: Entry | None
) -> None:
    """Let list `number` hold just `entry`, or nothing, for a canonical name in one mode; what else holds stays."""
    others = {each for each in _present(changed, base_entries, wire) if (each.list, each.mode) != (number, mode)}
    _put(changed, base_entries, wire, frozenset(others if entry is None else others | {entry}))


def write_delta(
    changed: Changed, lists: Sequence[ListSpec], key: bytes, path: Path, generation: int, base_generation: int
) -> dict[str, int]:
    """Write the delta image; returns its counts.   lists, key  those of the base."""
    builder = NamesBuilder(key, lists)
    for wire in sorted(changed):
        builder.drop(wire)  # also where a set follows: the base may hold the name plain and as a digest
        for entry in sorted(changed[wire]):
            builder.add(wire, *entry)
    with writing_whole(path) as out:
        return builder.build(out, generation, base_generation)


def write_url_delta(
    changed: Changed, lists: Sequence[ListSpec], key: bytes, path: Path, generation: int, base_generation: int
) -> dict[str, int]:
    """The same of URLs."""
    builder = UrlsBuilder(key, lists)
    for url in sorted(changed):
        builder.drop(url)
        for entry in sorted(changed[url]):
            builder.add(url, entry.list, entry.mode, entry.action, entry.order)
    with writing_whole(path) as out:
        return builder.build(out, generation, base_generation)


def _present(changed: Changed, base_entries: BaseEntries, wire: bytes) -> frozenset[Entry]:
    found = changed.get(wire)
    return _of_base(base_entries, wire) if found is None else found


def _put(changed: Changed, base_entries: BaseEntries, wire: bytes, entries: frozenset[Entry]) -> None:
    if entries == _of_base(base_entries, wire):
        changed.pop(wire, None)
    else:
        changed[wire] = entries


def _of_base(base_entries: BaseEntries, wire: bytes) -> frozenset[Entry]:
    return frozenset(Entry(*row) for row in base_entries(wire))
