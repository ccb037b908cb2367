import json
import socket
from datetime import UTC, datetime
from functools import cache
from typing import Any

import jsonschema_rs
import pytest
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from filterd.audit.archive_messages import ToldRecord
from filterd.audit.siem.bodies import block_json, block_ocsf, ledger_json, ledger_ocsf
from filterd.audit.siem.syslog import MOST_OCTETS
from filterd.process.control_messages import ToldEvent
from mgmt.ledger.event import STAFF, Actor, Event, text_of

TIME = "2026-11-28T09:30:00Z"
TIME_MS = int(datetime(2026, 11, 28, 9, 30, tzinfo=UTC).timestamp() * 1000)
BLOCK: dict[str, Any] = {
    **{"number": 12, "index": 3, "time": TIME, "channel": "dns", "action": "nxdomain", "list": "pta", "order": 7},
    **{"rule": "bad.test", "category": "adult", "reason": "order", "generation": 4, "count": 2, "province": "PK-PB"},
}


def block(**other: Any) -> ToldRecord:
    return ToldRecord(**(BLOCK | other))


def event(said: dict[str, Any] | None = None, text: str | None = "") -> ToldEvent:
    made = Event(STAFF, "token created", Actor("account", "root"), {"token": 3}, said or {})
    return ToldEvent(5, TIME_MS, STAFF, text_of(made, 5, TIME_MS).decode() if text == "" else text, "ab" * 32)


@cache
def validator(version: str, of_class: str, profiles: tuple[str, ...]) -> jsonschema_rs.Validator:
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=version))
    return jsonschema_rs.validator_for(schema.get_class_schema(class_name=of_class, profiles=list(profiles)))


def faults(body: bytes, version: str, of_class: str) -> list[str]:
    """What OCSF's own schema says of an event."""
    said = json.loads(body)
    found = validator(version, of_class, tuple(said["metadata"]["profiles"])).iter_errors(said)
    return [f"{each.instance_path}: {each.message}" for each in found]


@pytest.mark.parametrize("version", ["1.4.0", "1.5.0", "1.6.0", "1.7.0", "1.8.0"])
@pytest.mark.parametrize("channel", ["dns", "sni", "http", "quic", "address", "lock"])
@pytest.mark.parametrize("action", ["nxdomain", "splash", "drop", "shadow", "tcp-only", "local-data"])
def test_a_block_is_an_event_by_the_schema_of_ocsf(version: str, channel: str, action: str) -> None:
    of_class = "dns_activity" if channel == "dns" else "network_activity"

    for each in (
        block(channel=channel, action=action),
        block(channel=channel, action=action, list="", rule="", order=0),
    ):
        assert faults(block_ocsf(each), version, of_class) == []


@pytest.mark.parametrize("version", ["1.4.0", "1.5.0", "1.8.0"])
def test_an_event_of_the_ledger_is_an_event_by_the_schema_of_ocsf(version: str) -> None:
    for each in (event(), event({"reason": "x" * 9000}), event(text=None)):
        assert faults(ledger_ocsf(each), version, "entity_management") == []


def test_the_schema_would_find_a_field_that_is_missing_or_unknown() -> None:
    said = json.loads(block_ocsf(block()))
    without = {name: value for name, value in said.items() if name != "dst_endpoint"}

    assert faults(json.dumps(without).encode(), "1.4.0", "dns_activity") != []
    assert faults(json.dumps(said | {"subscriber": "x"}).encode(), "1.4.0", "dns_activity") != []


def test_a_block_says_what_was_done_by_which_rule_of_which_list_and_order_and_whose_sequence_it_is() -> None:
    said = json.loads(block_ocsf(block()))

    assert (said["class_uid"], said["type_uid"], said["time"], said["count"]) == (4003, 400301, TIME_MS, 2)
    assert (said["action_id"], said["disposition_id"], said["action"]) == (2, 2, "nxdomain")
    assert (said["policy"], said["firewall_rule"]) == ({"name": "pta", "uid": "7"}, {"name": "bad.test"})
    assert said["metadata"]["uid"] == "block/12.3"
    assert said["device"]["hostname"] == said["dst_endpoint"]["hostname"] == socket.gethostname()
    assert said["unmapped"]["province"] == "PK-PB"


def test_what_a_list_that_is_only_tried_would_have_blocked_is_called_logged() -> None:
    said = json.loads(block_ocsf(block(channel="sni", action="shadow")))

    assert (said["class_uid"], said["action_id"], said["disposition_id"]) == (4001, 1, 17)
    assert said["dst_endpoint"] == {"name": "bad.test"}


def test_no_body_has_a_field_for_a_subscriber() -> None:
    assert "subscriber" not in ToldRecord.__struct_fields__
    for body in (block_ocsf(block()), block_json(block())):
        assert b"subscriber" not in body and b"src_endpoint" not in body


def test_an_event_has_its_text_whole_and_one_that_is_too_long_says_that_it_was_left_out() -> None:
    whole, long = event({"order": 7}), event({"reason": "x" * 9000})

    assert json.loads(ledger_ocsf(whole))["unmapped"]["event"] == json.loads(whole.text or "")
    assert json.loads(ledger_json(whole))["event"]["said"] == {"order": 7}
    assert json.loads(ledger_ocsf(long))["unmapped"]["left_out"] == "too long"
    assert json.loads(ledger_json(long))["event"] is None and "left_out" in json.loads(ledger_json(long))
    assert all(len(each(long)) < MOST_OCTETS - 400 for each in (ledger_ocsf, ledger_json))


@pytest.mark.parametrize("text", ["", "{", "[]", "1", '{"action":7}', '{"action":"a","actor":{"name":"x"}}', "\ud800"])
def test_a_text_that_is_none_of_the_ledgers_is_not_sent_and_stops_nothing(text: str) -> None:
    """Whoever has taken over web can write any text there."""
    made = ToldEvent(5, TIME_MS, STAFF, text, "ab" * 32)

    assert json.loads(ledger_ocsf(made))["activity_name"] == "unreadable"
    assert json.loads(ledger_ocsf(made))["unmapped"] == {"leaf": "ab" * 32}
    assert json.loads(ledger_json(made))["left_out"] == "unreadable"


def test_an_event_with_names_of_any_length_fits() -> None:
    text = json.dumps({"action": "\x01" * 9000, "actor": {"kind": "é" * 9000, "name": "n" * 9000}})

    assert all(len(each(event(text=text))) < MOST_OCTETS - 400 for each in (ledger_ocsf, ledger_json))


def test_an_event_that_was_redacted_has_its_number_and_its_leaf_alone() -> None:
    said = json.loads(ledger_ocsf(event(text=None)))

    assert (said["activity_name"], said["metadata"]["uid"], said["unmapped"]) == (
        "redacted",
        "ledger/5",
        {"leaf": "ab" * 32},
    )
    assert json.loads(ledger_json(event(text=None)))["event"] is None
