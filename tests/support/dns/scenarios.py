"""Scenarios of the DNS front: lists, people, a clock, an upstream, and what each query gets; in files of YAML.

    lists      list id → entries, "n.test" (subtree), "=n.test" (exact), "*.n.test" (below), "n.test!nxdomain" (action);
               addresses and prefixes, with an action or without
    shadow     ids of lists that are not enforced; absent: as they were before
    people     address → categories (numbers), closed ([start minute of the week, minutes]), paused_until,
               safe_search and youtube (off, moderate, strict), canaries
    upstream   "NAME TYPE" → zone file lines; what is not there is NXDOMAIN
    steps      at (a time), lists, upstream: what is so from now on; else from, ask ("NAME TYPE"), flags (do, …), gets
    gets       any of rcode, answer ("TYPE RDATA" lines), ttl (the longest), ede (codes), name (the question's, letters
               as sent), upstream (whether it was asked), silence, shadowed (list id → what it would
               have blocked so far); what is not named is not looked at

The clock stands still between steps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from dnslib import EDNS0, QTYPE, RCODE, RR, DNSHeader, DNSRecord
from support.images import prefixes
from support.images.opened import Entry, Images

from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action, Mode
from fastpath.people.policy_writer import ProfileSpec
from rules.base.errors import BadName

KARACHI_S = 5 * 3600
EDE_OPTION = 15
SAFE_SEARCH = ("off", "moderate", "strict")


@dataclass
class Scenario:
    """What is so at a step of a scenario, and how a query is told."""

    images: Images
    lists: dict[str, Sequence[str]] = field(default_factory=dict)
    people: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    zone: dict[str, Sequence[str] | str] = field(default_factory=dict)
    now_s: int = 0

    def take(self, said: Mapping[str, Any]) -> None:
        """What a scenario or a step says of lists, people, upstream and time."""
        self.lists |= said.get("lists", {})
        if "shadow" in said:
            self.images.try_out(*said["shadow"])
        self.people |= said.get("people", {})
        self.zone |= said.get("upstream", {})
        if "at" in said:
            self.now_s = instant(said["at"])

    def tables(self) -> TableSet:
        """The images of all that."""
        said = [(list_id, text) for list_id, texts in self.lists.items() for text in texts]
        entries = [entry for list_id, text in said for entry in entries_of(list_id, text)]
        numbered = list(enumerate(self.people.items(), 1))
        subscribers = self.images.subscribers([(f"{address}/32", number) for number, (address, _) in numbered])
        policy = self.images.policy([(number, profile_of(said)) for number, (_, said) in numbered])
        return TableSet(self.images.names(entries), None, subscribers, None, policy)

    def answer(self, query: bytes) -> bytes | None:
        """What the upstream says; None: nothing."""
        asked = DNSRecord.parse(query)
        kind = QTYPE[asked.q.qtype]
        lines = self.zone.get(f"{str(asked.q.qname).rstrip('.').lower()} {kind}")
        if lines == "silence":
            return None
        header = DNSHeader(id=asked.header.id, qr=1, rd=1, ra=1, rcode=RCODE.NXDOMAIN if lines is None else 0)
        reply = DNSRecord(header, q=asked.q)
        for line in lines or ():
            reply.add_answer(*RR.fromZone(line))
        return bytes(reply.pack())


def instant(text: str) -> int:
    return int(datetime.fromisoformat(f"{text}+05:00").timestamp())


def entries_of(list_id: str, text: str) -> list[Entry]:
    name, _, said = text.partition("!")
    action = Action[said.upper().replace("-", "_")] if said else Action.NO_ACTION
    try:
        return prefixes.entries(list_id, name, action)
    except BadName:
        pass  # a name
    mode = Mode.EXACT if name.startswith("=") else Mode.BELOW if name.startswith("*.") else Mode.SUBTREE
    return [(list_id, name.lstrip("=*."), mode, action)]


def profile_of(said: Mapping[str, Any]) -> ProfileSpec:
    mask = sum(1 << number for number in said.get("categories", ()))
    closed = tuple((start, minutes) for start, minutes in said.get("closed", ()))
    paused = instant(said["paused_until"]) if "paused_until" in said else 0
    safe_search, youtube = (SAFE_SEARCH.index(said.get(name, "off")) for name in ("safe_search", "youtube"))
    wishes = {"safe_search": safe_search, "youtube": youtube, "has_canaries": said.get("canaries", False)}
    return ProfileSpec(mask, closed, paused, KARACHI_S, **wishes)


def load(path: Path) -> Mapping[str, Any]:
    """Read a file."""
    said: Mapping[str, Any] = yaml.safe_load(path.read_text())
    return said


def query_of(ask: str, flags: Sequence[str], number: int) -> bytes:
    """A query with EDNS, its letters as written."""
    name, _, kind = ask.partition(" ")
    asked = DNSRecord.question(name, kind or "A")
    asked.header.id = number
    asked.add_ar(EDNS0(udp_len=1232, flags="do" if "do" in flags else ""))
    return bytes(asked.pack())


def told(message: bytes | None) -> dict[str, Any]:
    """An answer as `gets` writes it."""
    if not message:
        return {"silence": True}
    answer = DNSRecord.parse(message)
    options = [option for record in answer.ar if record.rtype == QTYPE.OPT for option in record.rdata]
    return {
        "silence": False,
        "rcode": RCODE[answer.header.rcode],
        "answer": [f"{QTYPE[record.rtype]} {str(record.rdata).rstrip('.')}" for record in answer.rr],
        "ttl": max((record.ttl for record in answer.rr), default=None),
        "ede": sorted(int.from_bytes(each.data[:2], "big") for each in options if each.code == EDE_OPTION),
        "name": str(answer.q.qname),
    }
