"""The operator's file of software classes: one JA4 fingerprint and its class per line; `#` begins a comment.

    t13d880900_fcb5b95cb75a_b0d3b4ac2a14  vpn

It may be compressed, or in UTF-16, as a list may (rules.lists.reader).
Invariants: an invalid line is skipped and reported; the others count.  Statistics never stop the filter: where the file
cannot be read, the gate logs that, counts nothing by class, and filters.
"""

import logging
import re
from pathlib import Path
from typing import NamedTuple

from fastpath.report.hello_classes import MAX_CLASSES, MAX_FINGERPRINTS, OTHER, Ja4Classes
from filterd.config.kinds import quoted
from rules.base.errors import BadList

log = logging.getLogger("filterd.commands.roles.packet_gate.ja4_file")

MOST_REPORTED = 20  # faults of one file; a file with more is of another kind
CLASS_OCTETS = 32  # the room that the counters have for a class's name (fastpath/report/counters.pxd)

# What fastpath.wire.ja4 writes: over TCP or QUIC, the version, to a name or an address, counts, ALPN, and two hashes.
_JA4 = re.compile(r"[tq](?:1[0-3]|s[23]|00)[di][0-9]{4}[0-9A-Za-z]{2}(?:_[0-9a-f]{12}){2}")
_CLASS = re.compile(rf"[a-z0-9-]{{1,{CLASS_OCTETS}}}")


class Ja4File(NamedTuple):
    """The content of a file."""

    classes: dict[str, str]  # by fingerprint
    faults: list[str]  # the first MOST_REPORTED skipped lines: where, what, and what to write
    n_faults: int


class _Unfit(ValueError):
    """An invalid line: what was found; what to write."""


def read_ja4_classes(path: Path) -> Ja4File:
    """Read a file.   Raises BadList, with its path, where it cannot be read or is of another kind.

    Cost: a microsecond a line."""
    from rules.base.lines import open_list  # late: a gate without classes saves its memory
    from rules.lists.reader import open_source

    classes: dict[str, str] = {}
    names: set[str] = set()
    faults: list[str] = []
    n_faults = 0
    try:
        with open_source(path) as reading:
            for number, line in enumerate(open_list(reading.lines), 1):
                try:
                    _take(line.partition(b"#")[0].decode("utf-8", "backslashreplace"), classes, names)
                except _Unfit as reason:
                    n_faults += 1
                    found, write = reason.args
                    faults.append(f"ja4_classes {path} line {number}: {found}; line not used; {write}")
                    del faults[MOST_REPORTED:]
    except BadList as reason:
        raise BadList(f"ja4_classes {path}: {reason}") from reason
    return Ja4File(classes, faults, n_faults)


def classes_to_count(path: Path) -> Ja4Classes | None:
    """The classes by which the gate counts hellos; None where the file cannot be read.   Every fault is logged."""
    try:
        found = read_ja4_classes(path)
    except BadList as reason:
        log.error("%s; no hello is counted by class until the gate is started again", reason)
        return None
    for fault in found.faults:
        log.warning("%s", fault)
    if found.n_faults > len(found.faults):
        log.warning("ja4_classes %s: %d more lines not used", path, found.n_faults - len(found.faults))
    return Ja4Classes(found.classes)


# ----------------------------------------------------------------------------------------------------------------------


def _take(text: str, classes: dict[str, str], names: set[str]) -> None:
    """Add the fingerprint of a line.   Raises _Unfit."""
    words = text.split()
    if not words:
        return
    if len(words) != 2:
        raise _Unfit(f"{quoted(text.strip())} is not two words", "write a JA4, a blank, and its class")
    ja4, name = words
    if not _JA4.fullmatch(ja4):
        raise _Unfit(f"{quoted(ja4)} is no JA4 of TLS or QUIC", "write it as 'filterd inspect --ja4 --json' shows it")
    if not _CLASS.fullmatch(name) or name == OTHER:
        what = "the name for hellos without a class" if name == OTHER else "no valid class name"
        raise _Unfit(f"{quoted(name)} is {what}", f"write 1 to {CLASS_OCTETS} of a-z, 0-9 and '-'")
    if classes.get(ja4, name) != name:
        raise _Unfit(f"{ja4} already has class {classes[ja4]}", "keep one of the two lines")
    if ja4 not in classes and len(classes) == MAX_FINGERPRINTS:
        raise _Unfit(f"one fingerprint more than {MAX_FINGERPRINTS}", "keep those that occur")
    if name not in names and len(names) == MAX_CLASSES:
        raise _Unfit(f"{quoted(name)} is one class more than {MAX_CLASSES}", "put several into one")
    classes[ja4] = name
    names.add(name)
