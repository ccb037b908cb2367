"""Local data: records that a list answers a name with, read from presentation form into an image's octets.

A rule's data is a sequence of {u16 type, u32 TTL, u16 length, rdata}, big-endian, names inside of rdata uncompressed.
A, AAAA, CNAME, PTR, MX, TXT and SRV are read as they are written; any type of data in RFC 3597's generic form, also
HTTPS and SVCB.

Invariants: what record_octets() gives is one whole record, and what a Gatherer gives is at most MAX_DATA_OCTETS of
them; a CNAME stands alone.
Absent on purpose: SOA, NS and what a zone's signer adds, since a policy answers with no delegation and no proof.
Source: RFC 1035 §3.3, §5.1; RFC 2181 §8, §10.1; RFC 2782; RFC 3597 §5.
"""

import re
import socket
import struct
from functools import lru_cache

from fastpath.images.verdict import Action, Mode
from fastpath.wire.name import from_wire
from rules.base.canonical import canonical_octets
from rules.base.errors import BadName
from rules.base.rule import Rule

MAX_DATA_OCTETS = 512  # of one rule: an answer that holds all of it fits into EDNS's 1232
MAX_STRING_OCTETS = 255  # RFC 1035 §3.3: a character string has one octet of length
MAX_REMEMBERED = 2**18  # owners whose records may lie apart without being found out: about 25 MiB

TYPES = {b"A": 1, b"CNAME": 5, b"PTR": 12, b"MX": 15, b"TXT": 16, b"AAAA": 28, b"SRV": 33, b"SVCB": 64, b"HTTPS": 65}
CNAME = TYPES[b"CNAME"]
# NS, SOA, DNAME, OPT and DNSSEC's own: no data that a policy could answer with.  From 128 on: RFC 6895 §3.1.
NO_DATA_TYPES = frozenset({0, 2, 6, 39, 41, 43, 46, 47, 48, 50, 51, 59, 60, 63, *range(128, 256)})

BAD_TYPE = "a record type that is not supported"
BAD_DATA = "the record's data cannot be read"
BAD_TARGET = "the record's data has a name that is not valid"
WILDCARD_TARGET = "a target that begins with an asterisk is not supported"
TOO_LONG = "the local data of a name is longer than 512 octets"
CNAME_WITH_OTHERS = "a CNAME with other records of the same name"
APART = "records of one name are not adjacent: sort the list"

_LOOPBACK = re.compile(rb"127(?:\.\d{1,3}){3}")
_HEAD_OCTETS = 8  # of a record: type, TTL, length
_TYPE_NUMBER = re.compile(rb"TYPE(\d{1,5})")
_ESCAPE = re.compile(rb"\\(\d{3}|\D)", re.DOTALL)


# Lists repeat themselves: a walled garden has one address, and a million names lead to it.
@lru_cache(1024)
def record_octets(rtype: bytes, ttl_s: int, words: tuple[bytes, ...], origin: bytes = b"") -> bytes:
    """One record.

    rtype    in capitals, as a zone file names it;   words  of its data, quotes included
    ttl_s    below 2**31;   origin  what completes relative names, without the last dot
    Raises BadName with the reason.   Cost: nothing for what was asked for shortly before."""
    number = _type_number(rtype)
    if words[:1] == (b"\\#",):
        rdata = _generic(words[1:])
    elif rtype in _READERS:
        rdata = _READERS[rtype](words, origin)
    else:
        raise BadName(BAD_TYPE)
    return struct.pack(">HIH", number, ttl_s, len(rdata)) + rdata


def is_nowhere(address: bytes) -> bool:
    """Whether lists write this address for "blocked": unspecified, or the asking machine itself."""
    return address in (b"0.0.0.0", b"::", b"::1") or _LOOPBACK.fullmatch(address) is not None


def are_records(data: bytes) -> bool:
    """Whether octets from elsewhere are records that one rule may answer with: whole, few, a CNAME alone."""
    types, at = [], 0
    while at + _HEAD_OCTETS <= len(data) <= MAX_DATA_OCTETS:
        end = at + _HEAD_OCTETS + int.from_bytes(data[at + 6 : at + _HEAD_OCTETS], "big")
        types.append(_type_of(data[at:end]))
        if not _may_hold(types[-1], data[at + _HEAD_OCTETS : end]):
            return False
        at = end
    return at == len(data) and (CNAME not in types or len(types) == 1)


def _may_hold(number: int, rdata: bytes) -> bool:
    """Whether rdata has the form of its type, as far as resolvers look."""
    if number in (TYPES[b"A"], TYPES[b"AAAA"]):
        return len(rdata) == (4 if number == TYPES[b"A"] else 16)
    if number not in (CNAME, TYPES[b"PTR"]):
        return number not in NO_DATA_TYPES
    try:
        return from_wire(rdata, 0)[1] == len(rdata)
    except ValueError:
        return False


class Gatherer:
    """Joins the records of one owner that stand together into one rule.

    Records of an owner that came before, with another's between, are refused and not joined: a list may be longer than
    memory.  They are found out as far as the last MAX_REMEMBERED owners go; beyond, an image keeps the first rule."""

    def __init__(self) -> None:
        self._owner: tuple[bytes, Mode] | None = None
        self._records: list[bytes] = []
        self._line = 0
        self._seen: set[int] = set()

    def add(self, wire: bytes, mode: Mode, line: int, record: bytes) -> Rule | None:
        """Take one record; give the rule of the owner before, when this is another one's first.

        Raises BadName with the reason for a record that cannot be answered with; nothing has changed then."""
        if len(record) > MAX_DATA_OCTETS:
            raise BadName(TOO_LONG)
        if self._owner == (wire, mode):
            self._join(record)
            return None
        self._remember(hash((wire, mode)))
        before = self.finish()
        self._owner, self._records, self._line = (wire, mode), [record], line
        return before

    def finish(self) -> Rule | None:
        """Give the rule of the last owner, if there is one."""
        if self._owner is None:
            return None
        wire, mode = self._owner
        self._owner = None
        return Rule(wire, mode, Action.LOCAL_DATA, self._line, None, b"".join(self._records))

    def has_had(self, wire: bytes, mode: Mode) -> bool:
        """Whether a rule of this owner is finished or begun, as far as the last MAX_REMEMBERED owners go."""
        return hash((wire, mode)) in self._seen

    def _join(self, record: bytes) -> None:
        if record in self._records:
            return
        if CNAME in (_type_of(record), _type_of(self._records[0])):
            raise BadName(CNAME_WITH_OTHERS)
        if sum(map(len, self._records)) + len(record) > MAX_DATA_OCTETS:
            raise BadName(TOO_LONG)
        self._records.append(record)

    def _remember(self, owner: int) -> None:
        if owner in self._seen:
            raise BadName(APART)
        if len(self._seen) >= MAX_REMEMBERED:
            self._seen.clear()
        self._seen.add(owner)


def _type_of(record: bytes) -> int:
    return int.from_bytes(record[:2], "big")


def _type_number(rtype: bytes) -> int:
    found = _TYPE_NUMBER.fullmatch(rtype)
    number = TYPES.get(rtype, 0) if found is None else int(found[1])
    if number in NO_DATA_TYPES or number > 0xFFFF:
        raise BadName(BAD_TYPE)
    return number


def _generic(words: tuple[bytes, ...]) -> bytes:
    """RFC 3597 §5: `\\# LENGTH HEX…`."""
    try:
        rdata = bytes.fromhex(b"".join(words[1:]).decode("ascii"))
        if int(words[0]) == len(rdata) <= MAX_DATA_OCTETS:
            return rdata
    except (ValueError, IndexError):
        raise BadName(BAD_DATA) from None
    raise BadName(BAD_DATA if len(rdata) <= MAX_DATA_OCTETS else TOO_LONG)


def _address(words: tuple[bytes, ...], family: socket.AddressFamily) -> bytes:
    try:
        (text,) = words
        return socket.inet_pton(family, text.decode("ascii"))
    except (ValueError, OSError):
        raise BadName(BAD_DATA) from None


def _address4(words: tuple[bytes, ...], _origin: bytes) -> bytes:
    return _address(words, socket.AF_INET)


def _address6(words: tuple[bytes, ...], _origin: bytes) -> bytes:
    return _address(words, socket.AF_INET6)


def _target(words: tuple[bytes, ...], origin: bytes) -> bytes:
    if len(words) != 1:
        raise BadName(BAD_DATA)
    return name_octets(words[0], origin)


def name_octets(text: bytes, origin: bytes) -> bytes:
    """A name inside of rdata, in wire form.   Raises BadName with the reason."""
    if text == b".":
        return b"\0"
    if text.startswith(b"*."):
        raise BadName(WILDCARD_TARGET)
    absolute = text if text.endswith(b".") or not origin else text + b"." + origin
    try:
        return canonical_octets(origin if text == b"@" else absolute)
    except BadName:
        raise BadName(BAD_TARGET) from None


def _numbers(words: tuple[bytes, ...], n: int) -> bytes:
    """The first `n` words as 16-bit numbers."""
    try:
        return struct.pack(f">{n}H", *map(int, words[:n]))
    except (ValueError, struct.error):
        raise BadName(BAD_DATA) from None


def _exchange(words: tuple[bytes, ...], origin: bytes) -> bytes:
    return _numbers(words, 1) + _target(words[1:], origin)


def _service(words: tuple[bytes, ...], origin: bytes) -> bytes:
    return _numbers(words, 3) + _target(words[3:], origin)


def _strings(words: tuple[bytes, ...], _origin: bytes) -> bytes:
    strings = [_character_string(word) for word in words]
    if not strings or max(map(len, strings)) > MAX_STRING_OCTETS:
        raise BadName(BAD_DATA)
    return b"".join(bytes([len(string)]) + string for string in strings)


def _character_string(word: bytes) -> bytes:
    r"""RFC 1035 §5.1: quotes taken off, `\DDD` an octet, `\X` the character itself."""
    text = word[1:-1] if len(word) >= 2 and word[:1] == word[-1:] == b'"' else word
    if b"\\" not in text:
        return text
    try:
        return _ESCAPE.sub(lambda found: bytes([int(found[1])]) if found[1].isdigit() else found[1], text)
    except ValueError:
        raise BadName(BAD_DATA) from None


_READERS = {
    b"A": _address4,
    b"AAAA": _address6,
    b"CNAME": _target,
    b"PTR": _target,
    b"MX": _exchange,
    b"SRV": _service,
    b"TXT": _strings,
}
