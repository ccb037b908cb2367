"""dnsmasq's configuration: the lines that keep a domain from the outside.

`address=/d/` `server=/d/` `local=/d/` NXDOMAIN · `address=/d/0.0.0.0`, `/::`, `/#` or a loopback address: blocked ·
`address=/d/192.0.2.1` local data · `server=/d/#` an exception below a blocked d · several domains: `/d1/d2/…`.
A domain means itself and all below; `/*.d/` only what is below; of two that match the longer one speaks, as everywhere.

Invariants: a line that forwards or that configures something else is reported, never read as a block.  Addresses of one
domain that stand together are one rule; those that are not adjacent are reported.
Absent on purpose: `/*d/`, which matches inside of a label.
Source: dnsmasq(8), --address and --server.
"""

import re
from collections.abc import Iterable, Iterator

from fastpath.images.verdict import Action, Mode
from rules.base.canonical import listed_octets
from rules.base.errors import BadName
from rules.base.lines import fault_of, open_list
from rules.base.local_data import Gatherer, is_nowhere, record_octets
from rules.base.rule import Rule, SkippedLine, skipped

BLOCKS = {
    (b"address=", b""): Action.NXDOMAIN,
    (b"server=", b""): Action.NXDOMAIN,
    (b"local=", b""): Action.NXDOMAIN,
    (b"address=", b"#"): Action.NO_ACTION,
    (b"address=", b"0.0.0.0"): Action.NO_ACTION,
    (b"address=", b"::"): Action.NO_ACTION,
    (b"server=", b"#"): Action.PASSTHRU,
    (b"local=", b"#"): Action.PASSTHRU,
}
OPTIONS = (b"address", b"server", b"local")
TTL_S = 60  # dnsmasq's own default, 0, would have every client ask again at once

OTHER_OPTION = "an option that does not block a domain"
FORWARDS = "the line forwards to another server: it does not block"
EVERY_NAME = "the rule covers every name"
NO_DOMAIN = "there is no /domain/ in the line"
UNQUALIFIED = "a name without a dot is not a rule"
INSIDE_A_LABEL = "an asterisk inside a label is not supported"
BAD_ADDRESS = "the text after the last slash is not an address"

# Possessive throughout: white space before and behind an empty value could be divided in as many ways as it is long.
_LINE = re.compile(rb"\s*+([A-Za-z0-9-]++)\s*+(?:=\s*+(\S*+)\s*+)?(?:#.*+)?", re.DOTALL)


def iter_rules(lines: Iterable[bytes], _default_mode: Mode) -> Iterator[Rule | SkippedLine]:
    """Read a configuration, lazily.   Raises BadList for a file that is no list.   Cost: bench/compile.py.

    _default_mode   of no use: the format itself says how a domain is meant"""
    gatherer = Gatherer()
    subtree = Mode.SUBTREE
    for number, line in enumerate(open_list(lines), 1):
        fields = line.strip().split(b"/")
        action = BLOCKS.get((fields[0], fields[2])) if len(fields) == 3 else None
        if action is not None:
            try:
                rule = Rule(listed_octets(fields[1]), subtree, action, number)
            except BadName:
                pass  # read again below, for the reason
            else:
                yield rule
                continue
        if fields != [b""]:
            yield from _read_line(gatherer, number, line)
    last = gatherer.finish()
    if last is not None:
        yield last


def _read_line(gatherer: Gatherer, number: int, line: bytes) -> Iterator[Rule | SkippedLine]:
    """Read any line: comments, several domains, addresses, other options."""
    fault = fault_of(line)
    if fault is not None:
        yield skipped(number, fault[0], line, fault[1])
        return
    if line.lstrip().startswith(b"#"):
        return
    found = _LINE.fullmatch(line)
    option, value = (found[1], found[2] or b"") if found is not None else (b"", b"")
    if option not in OPTIONS:
        yield skipped(number, 1, line, OTHER_OPTION)
        return
    domains, slash, address = value.rpartition(b"/")
    if not slash or not domains.startswith(b"/"):
        yield skipped(number, 1, line, FORWARDS if option != b"address" and not slash else NO_DOMAIN)
        return
    at = line.index(value)
    for domain in domains[1:].split(b"/"):
        at = line.index(b"/", at) + 1
        try:
            rule = _read_domain(gatherer, number, option, domain, address)
        except BadName as exc:
            yield skipped(number, at + 1, line, exc.reason)
        else:
            if rule is not None:
                yield rule


def _read_domain(gatherer: Gatherer, number: int, option: bytes, domain: bytes, address: bytes) -> Rule | None:
    """What one domain of a line comes to; an address may give the rule of the domain before.   Raises BadName."""
    action = BLOCKS.get((option + b"=", address))
    if option != b"address" and action is None:
        raise BadName(FORWARDS)
    wire, mode = _domain(domain)
    if action is None and is_nowhere(address):
        action = Action.NO_ACTION
    if action is not None:
        return Rule(wire, mode, action, number)
    try:
        record = record_octets(b"AAAA" if b":" in address else b"A", TTL_S, (address,))
    except BadName:
        raise BadName(BAD_ADDRESS) from None
    return gatherer.add(wire, mode, number, record)


def _domain(domain: bytes) -> tuple[bytes, Mode]:
    """Name and mode of what stands between two slashes.   Raises BadName."""
    if domain == b"#":
        raise BadName(EVERY_NAME)
    if not domain:
        raise BadName(UNQUALIFIED)
    if domain.startswith(b"*."):
        return listed_octets(domain[2:]), Mode.BELOW
    if b"*" in domain:
        raise BadName(INSIDE_A_LABEL)
    return listed_octets(domain.lstrip(b".")), Mode.SUBTREE
