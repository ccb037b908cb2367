"""What gateways say of their addresses."""

import json
from datetime import timedelta

from sqlalchemy import Connection
from support.mgmt.confirmed import SIGNER
from support.mgmt.desk import NOW
from support.mgmt.events import events_of
from support.present import present

from mgmt.ledger.signed_statement import digest_of
from mgmt.registers.egress.statement import Gateway, Source
from mgmt.registers.egress.store import SILENT, is_untaken, newest, note_export, tell


def gateway(node: str, *addresses: str) -> Gateway:
    return Gateway(node, [Source(each, "route") for each in addresses], is_whole=True)


def said(conn: Connection) -> dict[str, list[str]]:
    found = json.loads(present(newest(conn)).text)["gateways"]
    return {each["node"]: [source["address"] for source in each["sources"]] for each in found}


def test_a_new_statement_is_signed_when_an_address_changes_and_only_then(conn: Connection) -> None:
    assert tell(conn, gateway("gw1", "192.0.2.1"), SIGNER, NOW)
    first = present(newest(conn))
    assert not tell(conn, gateway("gw1", "192.0.2.1"), SIGNER, NOW + timedelta(days=1))
    assert tell(conn, gateway("gw2", "192.0.2.2"), SIGNER, NOW)
    assert tell(conn, gateway("gw1", "192.0.2.9"), SIGNER, NOW)

    assert said(conn) == {"gw1": ["192.0.2.9"], "gw2": ["192.0.2.2"]}
    events = [each for each in events_of(conn, "settings") if each["action"] == "dns sources changed"]
    assert [each["about"]["node"] for each in events] == ["gw1", "gw2", "gw1"]
    assert events[1]["said"]["before"] == digest_of(first.text) and "192.0.2" not in str(events)


def test_a_gateway_that_is_silent_for_long_is_left_out(conn: Connection) -> None:
    tell(conn, gateway("gw1", "192.0.2.1"), SIGNER, NOW)
    later = NOW + SILENT + timedelta(seconds=1)

    assert tell(conn, gateway("gw2", "192.0.2.2"), SIGNER, later) and said(conn) == {"gw2": ["192.0.2.2"]}


def test_a_box_that_asks_no_dns_makes_no_register(conn: Connection) -> None:
    assert not tell(conn, gateway("gw1"), SIGNER, NOW) and newest(conn) is None and not is_untaken(conn)


def test_a_change_is_open_until_somebody_has_taken_the_statement(conn: Connection) -> None:
    tell(conn, gateway("gw1", "192.0.2.1"), SIGNER, NOW)
    assert is_untaken(conn)
    for _ in range(2):
        note_export(conn, present(newest(conn)).id, NOW)
    assert not is_untaken(conn)
    tell(conn, gateway("gw1", "192.0.2.2"), SIGNER, NOW)
    assert is_untaken(conn)
