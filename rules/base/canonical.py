"""The one canonical name: the form of names from lists, SNI, Host, API and command line for comparison.

ASCII lower case, one trailing dot removed, U-labels turned into A-labels (UTS 46, non-transitional, NFC), a port cut
off, labels of 1 to 63 octets, at most 253 octets.  Addresses, also in octal, hex and short forms, are no names, and no
name ends in `rpz-ip`: such ones stand for addresses, see rules.base.prefixes.

Invariants: canonical_name(canonical_name(x)) == canonical_name(x); nothing but BadName is raised, for any text.
An A-label stays as it stands, also one that decodes to nothing, to ASCII, or to what UTS 46 would have mapped: DNS
compares octets, so such a name exists apart from its cleaner look-alike, and a list must be able to say it.
Absent on purpose: IDNA 2008's list of allowed characters.  A browser that follows UTS 46 reaches names outside of it
(emoji), so a list must be able to name them.

An international label is one that a browser takes: CheckJoiners and CheckBidi, each label by itself.

Source: RFC 1035 §2.3, RFC 5891, RFC 5893 §2, UTS 46 §4, WHATWG URL §3.5 (ends in a number).
"""

import ipaddress
import re
from collections.abc import Sequence

import idna

from fastpath.wire.address import ADDRESSES
from fastpath.wire.name import to_text, to_wire
from rules.base.errors import BadName

NINE = 0x39  # above "9": a last label that begins so is no number
MAX_LABEL_OCTETS = 63  # RFC 1035 §2.3.4
MAX_NAME_OCTETS = 253  # 255 on the wire, less the first length octet and the root
MAX_PORT = 65535
MAX_SPELLING = 2048  # characters of any spelling, ignored ones included: bounds the cost of what is no name
A_LABEL = "xn--"

IS_EMPTY = "is empty"
IS_ADDRESS = "is an address"
NOT_UTF8 = "is not UTF-8"
BAD_PORT = "has a port that is not a number"
HAS_PORT = "has a port, which a rule for the name would widen"
BAD_LABEL = "has an empty label"
BAD_INTERNATIONAL = "is not a valid international name"
BAD_JOINER = "has a joiner that joins nothing: no browser takes such a name"
BAD_DIRECTION = "mixes directions of writing: no browser takes such a name"
BAD_CHARACTER = "has a character that is not allowed in a host name"
LABEL_TOO_LONG = "has a label longer than 63 octets"
NAME_TOO_LONG = "is longer than 253 octets"
IS_RESERVED = "ends in rpz-ip, which stands for addresses"
ENDS_IN_NUMBER = "ends in a number, which only an address may"

_ADDRESSES_OCTETS = len(ADDRESSES)
_JOINERS = frozenset("\u200c\u200d")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")


def canonical_name(text: str) -> str:
    """Canonicalise one name.   Raises BadName with the reason.   Cost: bench/names.py for the ASCII path."""
    return to_text(canonical_wire(text))


def canonical_text(text: bytes) -> str:
    """Canonicalise one name as canonical_octets() does, to text.   Raises BadName with the reason."""
    return to_text(canonical_octets(text))


def canonical_wire(text: str) -> bytes:
    """Canonicalise one name to its wire form, root octet included.   Raises BadName with the reason."""
    if text.isascii():
        return canonical_octets(text.encode("ascii"))
    if len(text) > MAX_SPELLING:
        raise BadName(NAME_TOO_LONG)
    host = _without_port(text)
    return _plain_wire(host if host.isascii() else _to_ascii(host))


def canonical_octets(text: bytes) -> bytes:
    """Canonicalise one name as a file holds it (ASCII or UTF-8), without white space around it, to its wire form.

    Raises BadName with the reason.   Cost: one pass in C when the text is an ordinary ASCII name."""
    last_label = text.rfind(b".") + 1
    if last_label < len(text) and text[last_label] > NINE:
        try:
            wire = to_wire(text)
        except ValueError:
            return _the_long_way(text)
        if wire[-_ADDRESSES_OCTETS:] == ADDRESSES:
            raise BadName(IS_RESERVED)
        return wire
    return _the_long_way(text)


def with_parents(wire: bytes) -> list[bytes]:
    """A wire name and its parents, the longest first, without the root."""
    found, at = [], 0
    while wire[at]:
        found.append(wire[at:])
        at += wire[at] + 1
    return found


def listed_octets(text: bytes) -> bytes:
    """The same of a name in a format that knows names alone: with a port it is narrower than its name, and refused."""
    wire = canonical_octets(text)
    if b":" in text:
        raise BadName(HAS_PORT)
    return wire


def _the_long_way(text: bytes) -> bytes:
    """Read a name that is no ordinary ASCII one, or find the reason why it is invalid."""
    if len(text) > MAX_SPELLING:
        raise BadName(NAME_TOO_LONG)
    try:
        host = _without_port(text.decode("utf-8"))
    except UnicodeDecodeError:
        raise BadName(NOT_UTF8) from None
    return _plain_wire(host if host.isascii() else _to_ascii(host))


def _without_port(text: str) -> str:
    """Cut `:port` off; refuse IPv6 literals, bracketed or bare."""
    if text.startswith("["):
        raise BadName(IS_ADDRESS if _is_ipv6(text[1:].partition("]")[0]) else BAD_CHARACTER)
    host, colon, port = text.rpartition(":")
    if not colon:
        return text
    if ":" in host:
        raise BadName(IS_ADDRESS if _is_ipv6(text) else BAD_CHARACTER)
    if port and not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= MAX_PORT):
        raise BadName(BAD_PORT)
    return host


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _to_ascii(host: str) -> str:
    """Map by UTS 46 and turn every U-label into an A-label."""
    try:
        mapped = idna.uts46_remap(host, std3_rules=False)
    except idna.IDNAError:
        raise BadName(BAD_INTERNATIONAL) from None
    return ".".join(label if label.isascii() else _a_label(label) for label in mapped.split("."))


def _a_label(label: str) -> str:
    """The A-label of a mapped U-label."""
    if label.startswith(A_LABEL):  # UTS 46 §4, step 4: half in Punycode, half not
        raise BadName(BAD_INTERNATIONAL)
    if any(char in _JOINERS and not is_joiner(label, at) for at, char in enumerate(label)):
        raise BadName(BAD_JOINER)
    try:
        idna.check_bidi(label)
    except idna.IDNAError:
        raise BadName(BAD_DIRECTION) from None
    return A_LABEL + label.encode("punycode").decode("ascii")


def is_joiner(text: str, at: int) -> bool:
    """Whether a joiner is there, and shapes the letters around it (RFC 5892, appendix A.1 and A.2)."""
    try:
        return text[at] in _JOINERS and idna.valid_contextj(text, at)
    except ValueError:  # next to a character that Unicode does not know
        return False


def _plain_wire(host: str) -> bytes:
    """The wire form of an ASCII host without a port."""
    labels = host.removesuffix(".").split(".")
    if labels == [""]:
        raise BadName(IS_EMPTY)
    if _NUMBER.fullmatch(labels[-1]):
        are_numbers = len(labels) <= 4 and all(_NUMBER.fullmatch(label) for label in labels)
        if are_numbers:
            raise BadName(IS_ADDRESS)
        raise BadName(BAD_CHARACTER if _has_other_characters(labels) else ENDS_IN_NUMBER)
    if labels[-1].lower() == "rpz-ip":
        raise BadName(IS_RESERVED)
    try:
        return to_wire(host.encode("ascii"))
    except ValueError:
        raise BadName(_why_no_name(labels)) from None


def _why_no_name(labels: list[str]) -> str:
    if "" in labels:
        return BAD_LABEL
    if _has_other_characters(labels):
        return BAD_CHARACTER
    if max(map(len, labels)) > MAX_LABEL_OCTETS:
        return LABEL_TOO_LONG
    return NAME_TOO_LONG


def _has_other_characters(labels: Sequence[str]) -> bool:
    return any(not re.fullmatch(r"[0-9A-Za-z_-]*", label) for label in labels)
