"""What a message holds: a record as filterd has it, or as an event of the Open Cybersecurity Schema Framework.

    block by DNS        DNS Activity 4003, profile security_control        block by SNI, HTTP, QUIC, address  Network
    event of the ledger Entity Management 3004                             Activity 4001, the same profile

Invariants: every event has a `uid` that no other one of its kind has on this box, so that a reader can drop what came
twice; no subscriber, no address of one and no name that was asked for is in it: what matched is a rule of a list.
Source: OCSF 1.4.0 (schema.ocsf.io); reference: regulation A10.
"""

import socket
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

import filterd
from filterd.audit.archive_messages import ToldRecord
from filterd.audit.siem.syslog import MOST_OCTETS
from filterd.process.control_messages import ToldEvent

VERSION = "1.4.0"
HEAD_OCTETS = 512  # what syslog puts before a body, and the host's name
UNREADABLE, TOO_LONG = "unreadable", "too long"  # why a text is not in a message
MOST_NAME = 300  # characters, where an event is too long: six octets each at most
OTHER, INFORMATIONAL = 99, 1
DNS, NETWORK, ENTITY = 4003, 4001, 3004
QUERY, TRAFFIC = 1, 6  # activities of DNS and NETWORK
# Action → action_id, disposition_id: what is not here is denied and blocked.
LET_PASS = {"shadow": (1, 17), "passthru": (1, 1), "tcp-only": (OTHER, OTHER), "local-data": (OTHER, OTHER)}
BLOCKED = (2, 2)


def block_json(record: ToldRecord) -> bytes:
    """A record of a block as filterd has it."""
    return _encoded({"kind": "block", "node": socket.gethostname(), **msgspec.structs.asdict(record)})


def ledger_json(event: ToldEvent) -> bytes:
    """An event of the ledger as its text has it, with its leaf."""
    said: dict[str, Any] = {"kind": "ledger", "number": event.number, "leaf": event.leaf, "event": None}
    if _read(event) is None:
        return _encoded(said if event.text is None else {**said, "left_out": UNREADABLE})
    whole = _encoded({**said, "event": msgspec.Raw((event.text or "").encode())})
    return whole if _fits(whole) else _encoded({**said, "left_out": TOO_LONG})


def block_ocsf(record: ToldRecord) -> bytes:
    """A record of a block as an event of OCSF."""
    node, is_dns = socket.gethostname(), record.channel == "dns"
    of_class, activity = (DNS, QUERY) if is_dns else (NETWORK, TRAFFIC)
    action, disposition = LET_PASS.get(record.action, BLOCKED)
    at_ms = int(datetime.fromisoformat(record.time).timestamp() * 1000)
    uid = f"block/{record.number}.{record.index}"
    event = _event(of_class, activity, at_ms, uid, ["security_control", "host"])
    event |= {
        "action_id": action,
        "action": record.action,
        "disposition_id": disposition,
        "policy": {"name": record.list or record.reason},
        "firewall_rule": {"name": record.rule or record.reason},
        "dst_endpoint": {"hostname": node} if is_dns else {"name": record.rule or record.reason},
        "count": record.count,
        "unmapped": {
            name: getattr(record, name) for name in ("channel", "reason", "category", "generation", "province")
        },
    }
    if record.order:
        event["policy"]["uid"] = str(record.order)
    return _encoded(event)


def ledger_ocsf(event: ToldEvent) -> bytes:
    """An event of the ledger as an event of OCSF; what makes it too long is left out, and said."""
    found = _event(ENTITY, OTHER, event.time_ms, f"ledger/{event.number}", ["host"])
    found["metadata"]["sequence"] = event.number
    found["entity"] = {"name": event.kind, "type": event.kind, "uid": str(event.number)}
    found["unmapped"] = {"leaf": event.leaf}
    if (said := _read(event)) is None:
        return _encoded({**found, "activity_name": "redacted" if event.text is None else UNREADABLE})
    user = {"name": said.actor.name or said.actor.kind, "type": said.actor.kind}
    text = msgspec.Raw((event.text or "").encode())
    found |= {"activity_name": said.action, "actor": {"user": user}}
    whole = _encoded({**found, "unmapped": found["unmapped"] | {"event": text}})
    if _fits(whole):
        return whole
    found |= {"activity_name": said.action[:MOST_NAME], "unmapped": found["unmapped"] | {"left_out": TOO_LONG}}
    found["actor"] = {"user": {field: value[:MOST_NAME] for field, value in user.items()}}
    return _encoded(found)


BODIES = {"ocsf": (block_ocsf, ledger_ocsf), "json": (block_json, ledger_json)}

# ----------------------------------------------------------------------------------------------------------------------


class _Actor(Struct):
    kind: str
    name: str


class _Event(Struct):
    """What must be in the text of an event; mgmt.ledger.event writes more."""

    action: str
    actor: _Actor


def _event(of_class: int, activity: int, time_ms: int, uid: str, profiles: list[str]) -> dict[str, Any]:
    return {
        "class_uid": of_class,
        "category_uid": of_class // 1000,
        "activity_id": activity,
        "type_uid": 100 * of_class + activity,
        "severity_id": INFORMATIONAL,
        "time": time_ms,
        "metadata": {
            "version": VERSION,
            "uid": uid,
            "profiles": profiles,
            "product": {"name": "filterd", "vendor_name": "filterd", "version": filterd.__version__},
        },
        "device": {"hostname": socket.gethostname(), "type_id": 9},
    }


def _read(event: ToldEvent) -> _Event | None:
    """None: it is redacted, or is no text of the ledger's, as anyone who has the database may have written there."""
    try:
        return None if event.text is None else msgspec.json.decode(event.text.encode(), type=_Event)
    except ValueError:
        return None


def _fits(body: bytes) -> bool:
    return len(body) <= MOST_OCTETS - HEAD_OCTETS


def _encoded(said: dict[str, Any]) -> bytes:
    return msgspec.json.encode(said)
