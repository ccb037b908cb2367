"""Self-test entries: harmless names in a confidential list, by agreement with its owner, looked up in what is in force.

Without them no one could see whether such a list holds: its entries are never asked for.
Invariants: a name of a self-test is in the configuration, so it is no secret; the look-up is that of every packet.
Source: C14 of the requirements on CSAM lists: tests of list owners by pages of their own.
"""

from collections.abc import Iterator

from fastpath.images.tables import TableSet
from filterd.config import Config
from filterd.config.schema import ListEntry
from rules.base.canonical import canonical_wire


def self_tests(config: Config, tables: TableSet) -> dict[str, bool]:
    """List → whether it closes each of its self-test entries; lists that have some, and are in the images."""
    return {entry.id: not missing_of(entry, tables) for entry in _tested(config, tables)}


def self_test_faults(config: Config, tables: TableSet) -> dict[str, str]:
    """List → one line that says which of its self-test entries it does not close."""
    return {entry.id: said for entry in _tested(config, tables) if (said := _fault(entry, tables))}


def missing_of(entry: ListEntry, tables: TableSet) -> list[str]:
    """The self-test entries that a list does not hold."""
    return [name for name in entry.self_test if entry.id not in _lists_of(name, tables)]


def _tested(config: Config, tables: TableSet) -> list[ListEntry]:
    known = set(tables.list_ids)
    return [entry for entry in config.lists if entry.self_test and entry.id in known]


def _lists_of(name: str, tables: TableSet) -> Iterator[str]:
    return (match.list for match in tables.matches(canonical_wire(name)))


def _fault(entry: ListEntry, tables: TableSet) -> str:
    missing = missing_of(entry, tables)
    if not missing:
        return ""
    return (
        f"its self-test entry {missing[0]} is not in force{_and_more(missing)}; what else of it holds is not known; "
        "ask its owner whether the entry is still in the list, and look at filterd lists list"
    )


def _and_more(missing: list[str]) -> str:
    return f", and {len(missing) - 1} more" if len(missing) > 1 else ""
