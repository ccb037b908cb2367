"""hosts(5) files: an address that leads nowhere, then names.

The names of the machine itself are passed over in silence; an address that leads somewhere is reported, since such a
line redirects and does not block.
"""

from collections.abc import Iterable, Iterator

from fastpath.images.verdict import Action, Mode
from rules.base.canonical import listed_octets
from rules.base.errors import BadName
from rules.base.lines import fault_of, open_list
from rules.base.rule import Rule, SkippedLine, skipped

NOWHERE = frozenset({b"0.0.0.0", b"127.0.0.1", b"::", b"::1", b"0"})
OWN_NAMES = frozenset(
    {
        b"localhost",
        b"localhost.localdomain",
        b"localhost4",
        b"localhost6",
        b"local",
        b"broadcasthost",
        b"0.0.0.0",
        b"ip6-localhost",
        b"ip6-loopback",
        b"ip6-localnet",
        b"ip6-mcastprefix",
        b"ip6-allnodes",
        b"ip6-allrouters",
        b"ip6-allhosts",
    }
)
ELSEWHERE = "the address leads somewhere: the line redirects instead of blocking"
NO_ADDRESS = "there is no address before the name: read the list with format=plain"
NO_NAMES = "there is no name after the address"


def iter_rules(lines: Iterable[bytes], default_mode: Mode) -> Iterator[Rule | SkippedLine]:
    """Read a hosts file, lazily.   Raises BadList for a file that is no list.   Cost: bench/compile.py."""
    no_action = Action.NO_ACTION
    for number, line in enumerate(open_list(lines), 1):
        words = line.split()
        if len(words) == 2 and words[0] in NOWHERE and words[1].lower() not in OWN_NAMES:
            try:
                wire = listed_octets(words[1])
            except BadName:
                yield from read_line(number, line, default_mode)
            else:
                yield Rule(wire, default_mode, no_action, number)
        elif words:
            yield from read_line(number, line, default_mode)


def read_line(number: int, line: bytes, mode: Mode) -> Iterator[Rule | SkippedLine]:
    """Read a line of any number of names, or a comment, or nothing that can be read."""
    fault = fault_of(line)
    if fault is not None:
        yield skipped(number, fault[0], line, fault[1])
        return
    words = line.partition(b"#")[0].split()
    if not words:
        return
    names = [name for name in words[1:] if name.lower() not in OWN_NAMES]
    reason = _fault_of_words(words, names)
    if reason is not None:
        yield skipped(number, line.index(words[0]) + 1, line, reason)
        return
    at = line.index(words[0]) + len(words[0])
    for name in names if words[0] in NOWHERE else ():
        at = line.index(name, at)
        try:
            yield Rule(listed_octets(name), mode, Action.NO_ACTION, number)
        except BadName as exc:
            yield skipped(number, at + 1, line, exc.reason)
        at += len(name)


def _fault_of_words(words: list[bytes], names: list[bytes]) -> str | None:
    """Why the whole line says nothing; None where it may."""
    if words[0] not in NOWHERE and not is_address(words[0]):
        return NO_ADDRESS
    if len(words) == 1:
        return NO_NAMES
    if names and words[0] not in NOWHERE:
        return ELSEWHERE
    return None


def is_address(word: bytes) -> bool:
    """Whether a word looks like an address; a name never holds a colon nor ends in a digit-only label."""
    return b":" in word or word.rpartition(b".")[2].isdigit()
