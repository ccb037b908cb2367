import json
from typing import Any

from sqlalchemy import Connection
from support.mgmt.desk import NOW

from mgmt.ledger import store as ledger
from mgmt.ledger.event import Actor
from mgmt.registers.households import note_choice_of_line, record
from parental.people.household import history

SANA = Actor("caregiver", "3", "owner")


def events(conn: Connection) -> list[dict[str, Any]]:
    return [json.loads(row.text) for row in ledger.read_events(conn, 0, ledger.size(conn))]


def test_a_change_of_people_stands_in_the_ledger_and_in_the_households_own_record(conn: Connection) -> None:
    record(conn, 7, SANA, "caregiver removed", {"caregiver": 4}, NOW)

    (event,) = events(conn)
    assert (event["kind"], event["action"]) == ("people", "caregiver removed")
    assert event["about"] == {"account": 7, "caregiver": 4}
    assert event["actor"] == {"kind": "caregiver", "name": "3", "role": "owner"}
    assert [(row.action, row.by_name) for row in history(conn, 7)] == [("caregiver removed", "3")]


def test_a_choice_of_a_household_stands_in_its_own_record_alone(conn: Connection) -> None:
    note_choice_of_line(conn, 7, SANA, "paused", NOW)
    note_choice_of_line(conn, 9, SANA, "paused", NOW)

    assert events(conn) == []
    assert [(row.action, row.about) for row in history(conn, 7)] == [("paused", '{"line": 7}')]
