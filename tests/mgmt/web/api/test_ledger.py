"""What the API writes into the ledger, and what an auditor takes out of it."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select
from support.mgmt import ledgers
from support.mgmt.desk import NOW, DeskOf, PlayedControl

from mgmt.staff.tokens import LIFE
from parental.store.database import reading
from parental.store.schema.ledger import events

ORDER = {"issuer": "PTA", "ref": "WA-1", "ground": "PECA 37", "entries": ["secret-entry.example", "b.example"]}


def written(engine: Engine, kind: str) -> list[Any]:
    with reading(engine) as conn:
        chosen = select(events.c.text).where(events.c.kind == kind).order_by(events.c.number)
        return [json.loads(each) for each in conn.execute(chosen).scalars()]


async def test_each_state_of_an_order_is_an_event_with_who_brought_it_about(engine: Engine, desk: DeskOf) -> None:
    regulator = desk("regulator")
    await regulator.ask("POST", "/v1/orders?wait=9", json=ORDER)
    await regulator.ask("POST", "/v1/orders?wait=9", json=ORDER)  # the same again is no event
    await regulator.ask(
        "POST", "/v1/orders/WA-1/withdraw?issuer=PTA", json={"reason": "an appeal", "entries": ["b.example"]}
    )
    await regulator.ask("POST", "/v1/orders/WA-1/withdraw?issuer=PTA", json={"reason": "a court"})

    found = written(engine, "orders")

    assert [each["action"] for each in found] == [
        "pushed",
        "enforced",
        "confirmed",
        "entries withdrawn",
        "withdrawn",
        "withdrawal confirmed",
    ]
    assert {json.dumps(each["about"]) for each in found} == {'{"issuer": "PTA", "order": 1, "ref": "WA-1"}'}
    by_token = {each["actor"]["name"] for each in found if each["actor"]["kind"] == "token"}
    assert len(by_token) == 1
    assert [each["actor"]["role"] or each["actor"]["name"] for each in found] == [
        "regulator",
        "control",
        "control",
        "regulator",
        "regulator",
        "control",
    ]
    assert found[0]["said"]["entries pending"] == 2
    assert found[3]["said"] == {"entries": 1, "numbers": [2], "of": 1, "reason": "an appeal"}


async def test_no_entry_of_an_order_stands_in_the_ledger(engine: Engine, desk: DeskOf) -> None:
    await desk("regulator").ask("POST", "/v1/orders?wait=9", json=ORDER)
    await desk("regulator").ask(
        "POST", "/v1/orders/WA-1/withdraw?issuer=PTA", json={"reason": "x", "entries": ["secret-entry.example"]}
    )

    assert "secret-entry" not in json.dumps(written(engine, "orders"))


async def test_an_order_that_no_worker_serves_is_pushed_and_not_enforced(
    engine: Engine, desk: DeskOf, control: PlayedControl
) -> None:
    control.fails = "no control"

    status, _ = await desk("regulator").ask("POST", "/v1/orders?wait=9", json=ORDER)

    assert status == 202
    assert [each["action"] for each in written(engine, "orders")] == ["pushed"]


async def test_a_refused_change_leaves_no_event(engine: Engine, desk: DeskOf) -> None:
    operator = desk("operator")
    before = len(written(engine, "people"))

    assert (await operator.ask("PUT", "/v1/subscribers/9", json={"label": "x", "prefixes": ["192.0.2.7/32"]}))[0] == 422
    assert (await operator.ask("DELETE", "/v1/subscribers/99"))[0] == 404

    assert len(written(engine, "people")) == before


async def test_lines_are_told_by_number_and_by_what_changed_never_by_what_it_says(engine: Engine, desk: DeskOf) -> None:
    operator = desk("operator")
    line = {"label": "A name", "prefixes": ["192.0.2.99/32"], "categories": ["adult"]}
    await operator.ask("PUT", "/v1/subscribers/9", json=line)
    await operator.ask("PUT", "/v1/subscribers/9", json=line | {"label": "Other", "categories": ["gambling"]})
    await operator.ask("PATCH", "/v1/profiles/9", json={"categories": ["malware"]})
    await operator.ask("DELETE", "/v1/subscribers/9")

    found = written(engine, "people")

    assert [(each["action"], each["about"], each["said"]) for each in found] == [
        ("line put", {"line": 9}, {}),
        ("line changed", {"line": 9}, {"changed": ["label", "profile"]}),
        ("line changed", {"line": 9}, {"changed": ["profile"]}),
        ("line removed", {"line": 9}, {}),
    ]
    assert not {"A name", "Other", "192.0.2.99", "adult", "gambling"} & set(json.dumps(found).replace('"', " ").split())


@pytest.mark.parametrize("role", ["parent", "operator"])
async def test_what_a_household_chooses_is_not_in_this_ledger(engine: Engine, desk: DeskOf, role: str) -> None:
    someone = desk(role, 7 if role == "parent" else None)
    before = len(ledgers_events(engine))
    for method, path, body in (
        ("POST", "pause", {"minutes": 30}),
        ("POST", "resume", {}),
        ("PUT", "schedule", {"closed": [{"day": "fri", "from": "21:30", "to": "06:30"}]}),
        ("PUT", "devices/tablet", None),
        ("DELETE", "devices/tablet", None),
    ):
        status, _ = await someone.ask(method, f"/v1/subscribers/7/{path}", **({} if body is None else {"json": body}))
        assert status < 300

    assert len(ledgers_events(engine)) == before


def ledgers_events(engine: Engine) -> list[int]:
    with reading(engine) as conn:
        return list(conn.execute(select(events.c.number)).scalars())


async def test_a_token_that_is_made_is_an_event_with_its_number_and_never_its_text(
    engine: Engine, token: Any, desk: DeskOf
) -> None:
    texts = [token("auditor"), token("parent", 7)]

    found = written(engine, "staff")

    in_a_year = int((NOW + LIFE).timestamp())
    assert [(each["about"], each["said"]) for each in found] == [
        ({"token": 1}, {"role": "auditor", "expires_s": in_a_year}),
        ({"line": 7, "token": 2}, {"role": "parent", "expires_s": in_a_year}),
    ]
    assert not any(each in json.dumps(found) for each in texts)


async def test_every_pull_of_an_auditor_is_an_event_before_anything_goes_out(engine: Engine, desk: DeskOf) -> None:
    auditor = desk("auditor")
    ledgers.sign(engine)
    for path in ("blocks?since=2026-08-01T00:00:00Z", "csam-counts", "ledger", "ledger/0", "stats"):
        await auditor.raw("GET", f"/v1/audit/{path}")

    found = written(engine, "pulls")

    assert [each["action"] for each in found] == [
        "blocks pulled",
        "csam counts pulled",
        "ledger exported",
        "event exported",
        "statistics pulled",
    ]
    assert found[0]["said"]["since"] == "2026-08-01T00:00:00Z" and found[0]["actor"]["role"] == "auditor"


async def test_the_ledger_streams_as_a_bundle_that_verifies(engine: Engine, desk: DeskOf) -> None:
    auditor = desk("auditor")
    ledgers.write(engine, 30, signed={10, 20}, started=NOW)  # after the clock of the application, as if it went back

    status, headers, octets = await auditor.raw("GET", "/v1/audit/ledger")
    _, _, part = await auditor.raw("GET", f"/v1/audit/ledger?since={(NOW + timedelta(seconds=25)).isoformat()[:19]}Z")

    assert status == 200 and headers["Content-Type"].startswith("application/x-ndjson")
    assert ledgers.verified(octets).until == ledgers.verified(part).until == 32  # 30, the token's, and the key's
    assert ledgers.verified(part).first > 0


async def test_one_event_comes_with_its_proof_and_an_unknown_or_unsigned_one_is_refused(
    engine: Engine, desk: DeskOf
) -> None:
    auditor = desk("auditor")
    ledgers.write(engine, 3)

    assert ledgers.verified((await auditor.raw("GET", "/v1/audit/ledger/2"))[2]).first == 2
    assert (await auditor.ask("GET", "/v1/audit/ledger/5"))[0] == 404  # the pull just before
    assert (await auditor.ask("GET", "/v1/audit/ledger/99"))[0] == 404
    assert (await auditor.ask("GET", "/v1/audit/ledger/x"))[0] == 422


async def test_the_newest_checkpoint_is_a_signed_note_and_comes_with_a_consistency_proof(
    engine: Engine, desk: DeskOf
) -> None:
    auditor = desk("auditor")
    assert (await auditor.ask("GET", "/v1/audit/checkpoint"))[0] == 404
    ledgers.write(engine, 3)

    _, _, note = await auditor.raw("GET", "/v1/audit/checkpoint")
    status, proof = await auditor.ask("GET", "/v1/audit/checkpoint?earlier=2")

    assert note.startswith(b"gw.example/filterd-ledger\n5\n")
    assert (status, proof["size"], proof["checkpoint"].encode()) == (200, 5, note)
    assert (await auditor.ask("GET", "/v1/audit/checkpoint?earlier=9"))[0] == 404


async def test_statistics_count_by_month_kind_and_issuer_and_name_no_person(engine: Engine, desk: DeskOf) -> None:
    await desk("regulator").ask("POST", "/v1/orders?wait=9", json=ORDER)

    _, said = await desk("auditor").ask("GET", "/v1/audit/stats")

    assert {"month": "2026-08", "kind": "orders", "action": "pushed", "issuer": "PTA", "count": 1} in said["counts"]
    assert all(set(each) == {"month", "kind", "action", "issuer", "count"} for each in said["counts"])
