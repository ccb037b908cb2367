"""An event of the ledger and its one text: what was done, by whom, to what.

The text is canonical JSON (RFC 8785): msgspec writes it with sorted keys, and an event holds nothing for which that
would be another text: keys are ASCII, numbers are whole and below 2**53, texts are Unicode.

Invariants: an event names no household's choice, no address, no entry of an order and no label of a line; it shows
by numbers, references, counts and digests.
Source: RFC 8785 §3.2; RFC 9162 §2.1.1 (the leaf).
"""

import functools
import os
import pwd
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from mgmt.ledger.verifier import leaf_hash

ORDERS, PEOPLE, STAFF, SETTINGS, PULLS = KINDS = ("orders", "people", "staff", "settings", "pulls")
SALT_OCTETS = 16  # 128 bits: what was redacted cannot be guessed from its leaf
MAX_EVENT_OCTETS = 1 << 16  # a page of numbers and three texts of 500 characters are far below
MAX_WHOLE = 2**53 - 1  # RFC 8785 §3.2.2.3: what a double holds exactly

Value = str | int | bool | None | list[str] | list[int]


class Actor(msgspec.Struct, frozen=True):
    """Who did it.   kind  token, account (of this box), role (of filterd), …;   name  which one;   role  that it had"""

    kind: str
    name: str
    role: str = ""


class Event(msgspec.Struct, frozen=True):
    """What was done.

    kind    of KINDS;   action  what, a past participle;   about  what it was done to: numbers and references
    said    the rest;   second_actor  who else agreed, where two must"""

    kind: str
    action: str
    actor: Actor
    about: Mapping[str, Value] = {}
    said: Mapping[str, Value] = {}
    second_actor: Actor | None = None


CONTROL = Actor("role", "control")  # what control finds or does itself


def account() -> Actor:
    """The account of this box that runs a command; with sudo, the one that asked for it."""
    try:
        return Actor("account", os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name)
    except KeyError:  # a container's account has a number and no name
        return Actor("account", f"uid {os.getuid()}")


def text_of(event: Event, number: int, time_ms: int, behind_ms: int = 0) -> bytes:
    """The octets of an event, which its leaf is made of.   Raises ValueError for what the ledger does not hold.

    behind_ms  how far the wall clock was behind the time of the event before, whose time this one has then"""
    if event.kind not in KINDS:
        raise ValueError(f"ledger: the kind {event.kind!r} is unknown; not written; write one of {', '.join(KINDS)}")
    for value in (*event.about.values(), *event.said.values()):
        _refuse_unfit(value)
    members: dict[str, Any] = {
        "about": event.about,
        "action": event.action,
        "actor": event.actor,
        "kind": event.kind,
        "node": _node(),
        "number": number,
        "said": event.said,
        "second_actor": event.second_actor,
        "time": time_text(time_ms),
    }
    if behind_ms:
        members["clock_behind_ms"] = behind_ms
    text = msgspec.json.encode(members, order="sorted")
    if len(text) > MAX_EVENT_OCTETS:
        raise ValueError(f"ledger: an event of {len(text)} octets; not written; it may have {MAX_EVENT_OCTETS}")
    return text


def leaf_of(salt: bytes, text: bytes) -> bytes:
    """The leaf of an event in the tree."""
    return leaf_hash(salt + text)


def time_text(time_ms: int) -> str:
    """'2026-11-27T11:00:00.000Z'"""
    seconds, ms = divmod(time_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ms:03}Z"


@functools.cache
def _node() -> str:
    return socket.gethostname()


def _refuse_unfit(value: object) -> None:
    for each in value if isinstance(value, list) else (value,):
        if not (each is None or isinstance(each, (str, bool)) or (isinstance(each, int) and abs(each) <= MAX_WHOLE)):
            raise ValueError(f"ledger: {type(each).__name__} {each!r:.40} cannot stand in an event; not written")
