"""What an issuer is answered about an order."""

import json
from typing import Any

import rfc8785
from sqlalchemy import Connection, select, update
from support.mgmt.confirmed import confirmed
from support.mgmt.orders import NOW

from mgmt.orders.confirmation.replies import last_confirmation
from mgmt.orders.confirmation.statement import statement_of
from parental.store.schema.confirmations import verifications
from parental.store.schema.orders import orders


def told(conn: Connection, order: int) -> dict[str, Any]:
    row = last_confirmation(conn, order)
    assert row is not None
    return dict(json.loads(row.text))


def test_every_entry_has_the_status_of_its_row_and_only_what_the_traffic_confirmed_is_verified(
    conn: Connection,
) -> None:
    said = told(conn, confirmed(conn))

    assert [(each["status"], each["verified"]) for each in said["entries"]] == [
        ("enforced", True),
        ("enforced_http_only", True),
        ("refused_protected", False),
        ("invalid", False),
        ("duplicate", False),
        ("refused_protected", False),
    ]
    assert said["counts"] == {
        "enforced": 1, "enforced_http_only": 1, "refused_protected": 2, "invalid": 1, "duplicate": 1
    }  # fmt: skip
    assert said["coverage"]["in_force"] == said["coverage"]["asked"] == 2
    assert (said["coverage"]["questions"], said["coverage"]["here"]) == (4, 4)


def test_the_text_is_canonical_json_and_the_same_for_the_same_rows(conn: Connection) -> None:
    order = confirmed(conn)
    row = last_confirmation(conn, order)
    assert row is not None

    assert row.text.encode() == rfc8785.dumps(json.loads(row.text))
    assert statement_of(conn, row.order, row.verification, row.at_ms, is_confirmed=True) == row.text


def test_an_entry_of_which_one_channel_was_open_is_not_verified_and_names_the_channels_that_were_closed(
    conn: Connection,
) -> None:
    order = confirmed(conn, "bad.example")
    row = conn.execute(select(verifications)).one()
    report = row.report.replace('"tls-4":"here"', '"tls-4":"open"')
    conn.execute(update(verifications).values(report=report))

    (entry,) = json.loads(statement_of(conn, row.order, row.id, row.at_ms, is_confirmed=True))["entries"]

    assert (entry["verified"], entry["ways"]) == (False, ["dns-udp-4"])
    assert last_confirmation(conn, order) is not None


def test_a_deadline_is_told_with_what_was_in_force_by_then(conn: Connection) -> None:
    order = confirmed(conn, "bad.example", "worse.example")
    row = conn.execute(select(verifications)).one()

    def deadline(seconds: int) -> dict[str, Any]:
        conn.execute(update(orders).where(orders.c.id == order).values(deadline_s=int(NOW.timestamp()) + seconds))
        return dict(json.loads(statement_of(conn, row.order, row.id, row.at_ms, is_confirmed=True))["deadline"])

    assert deadline(60) == {"at": "2026-08-03T16:01:00.000Z", "in_time": 2, "late": 0}
    assert deadline(-60) == {"at": "2026-08-03T15:59:00.000Z", "in_time": 0, "late": 2}


def test_a_version_is_told_with_the_digest_of_what_it_corrects_and_with_its_days(conn: Connection) -> None:
    first = confirmed(conn, "bad.example")
    second = confirmed(conn, "worse.example", ref="PTA/WA/2")
    dates = {"review_s": 1785772830, "expires_s": 2**60}  # no order has such an end: it is none
    conn.execute(update(orders).where(orders.c.id == second).values(first=first, version=2, **dates))
    row = last_confirmation(conn, second)
    assert row is not None

    said = json.loads(statement_of(conn, row.order, row.verification, row.at_ms, is_confirmed=True))

    digest = conn.execute(select(orders.c.sha256).where(orders.c.id == first)).scalar_one().hex()
    assert [said["order"][name] for name in ("version", "corrects", "corrects_sha256")] == [2, "PTA/WA/1", digest]
    assert (said["times"]["review"], said["times"]["expires"]) == ("2026-08-03T16:00:30.000Z", None)
    before = told(conn, first)["order"]
    assert (before["version"], before["corrects"]) == (1, None)
