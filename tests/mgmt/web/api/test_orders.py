import asyncio
import json
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import Engine, update
from support.mgmt.desk import NOW, Clock, DeskOf, PlayedControl

from mgmt.orders import store as orders
from mgmt.orders.base.letters import keep_letters
from mgmt.orders.base.live import live_entries
from parental.store.database import reading, writing
from parental.store.schema.access import tokens

ORDER = {
    "issuer": "PTA",
    "ref": "PTA/WA/123/2026",
    "ground": "peca-37:decency",
    "deadline": "2026-08-05T10:00:00+05:00",
    "emergency": False,
    "scope": "subtree",
    "entries": ["Bad.Example.", {"value": "exact.example", "scope": "exact"}],
}
PATH = "/v1/orders/" + quote(str(ORDER["ref"]), safe="") + "?issuer=PTA"
WITHDRAW = PATH.replace("?", "/withdraw?")


def live(engine: Engine) -> Any:
    with reading(engine) as conn:
        return {(entry.wire, entry.mode, entry.order) for entry in live_entries(conn)}


async def test_a_pushed_order_is_answered_after_the_workers_have_acknowledged_it(
    desk: DeskOf, control: PlayedControl, engine: Engine
) -> None:
    status, body = await desk("regulator").ask("POST", "/v1/orders?wait=9", json=ORDER)

    assert status == 201
    assert body["state"] == "enforced"
    assert body["counts"] == {"enforced": 2}
    assert [(e["name"], e["scope"], e["status"], e["generation"]) for e in body["entries"]] == [
        ("bad.example", "subtree", "enforced", 42),
        ("exact.example", "exact", "enforced", 42),
    ]
    assert body["receipt"]["generation"] == 42
    assert body["receipt"]["ms"] == 12.3
    assert body["receipt"]["workers"] == [
        {"worker": "dns-0", "generation": 42, "ms": 3.5},
        {"worker": "gate-0", "generation": 42, "ms": 4.2},
    ]
    assert body["deadline"] == body["clock"]["due"] == "2026-08-05T10:00:00.000+05:00"
    assert (body["clock"]["by"], body["clock"]["state"], body["clock"]["stopped"]) == ("letter", "running", None)
    assert control.asked == ["orders_changed"]
    assert live(engine) == {(b"\3bad\7example\0", "subtree", 1), (b"\5exact\7example\0", "exact", 1)}


async def test_an_order_in_shadow_is_answered_as_not_enforced_with_its_counts(desk: DeskOf, engine: Engine) -> None:
    body: dict[str, Any] = {}
    for _ in range(2):  # sending it again changes nothing
        status, body = await desk("regulator").ask("POST", "/v1/orders?wait=9", json=ORDER | {"shadow": True})

        assert (status, body["state"], body["receipt"]) == (202, "shadow", None)
        assert body["detail"].startswith("not enforced: shadow; what it would block is counted; two persons let it in")
    assert live(engine) == set() and body["counts"] == {"shadow": 2}
    assert body["shadow"]["channels"] == {} and body["shadow"]["state"] in ("starting", "counting")
    status, _ = await desk("regulator").ask("POST", "/v1/orders", json=ORDER)
    assert status == 409, "the same letter without shadow is another order"
    status, body = await desk("regulator").ask("POST", "/v1/orders", json=ORDER | {"shadow": True, "emergency": True})
    assert status == 422 and "/shadow" in str(body)


async def test_each_entry_gets_its_honest_status(desk: DeskOf, engine: Engine) -> None:
    values = [
        ("good.example", "enforced"),
        ("GOOD.example.", "duplicate"),
        ("https://shared.example/a/b", "not_visible_over_https"),
        ("shared.example/c/*", "enforced_http_only"),
        ("192.0.2.1", "enforced"),
        ("192.0.2.0/23", "pending_review"),
        ("198.51.100.9", "pending_review"),
        ("2001:db8::9", "enforced"),
        ("203.0.113.53", "refused_protected"),
        ("10.0.0.1", "refused_protected"),
        ("192.0.2.1/24", "invalid"),
        ("http://whole.example/", "enforced"),
        ("hxxp://defanged[.]example", "enforced"),
        ("portal.isp.example", "refused_protected"),
        ("isp.example", "refused_protected"),
        ("com.pk", "refused_protected"),
        ("github.io", "pending_review"),
        ("not a name", "invalid"),
        ("a\u0000.example", "invalid"),
        ("", None),
    ]

    status, body = await desk("operator").ask(
        "POST", "/v1/orders?wait=9", json={**ORDER, "entries": [v for v, s in values if s]}
    )

    assert status == 201
    assert [(e["value"], e["status"]) for e in body["entries"]] == [
        (value.replace("\0", "\ufffd"), status) for value, status in values if status
    ]
    in_force = {"enforced", "enforced_http_only", "not_visible_over_https"}
    assert all(bool(e["reason"]) != (e["status"] in in_force) for e in body["entries"])
    assert [(e["name"], e["scope"]) for e in body["entries"][2:5]] == [
        ("shared.example/a/b", "exact"),
        ("shared.example/c/", "prefix"),
        ("192.0.2.1", "address"),
    ]
    assert len(live(engine)) == 7


async def test_the_same_order_again_gives_the_same_answer_and_changes_nothing(
    desk: DeskOf, control: PlayedControl
) -> None:
    api = desk("regulator")
    first = await api.ask("POST", "/v1/orders?wait=9", json=ORDER)

    again = await api.ask("POST", "/v1/orders?wait=9", data=str(ORDER).replace("'", '"').replace("False", "false"))

    assert again == (200, first[1])
    assert control.asked == ["orders_changed"]


async def test_other_content_under_the_same_reference_is_refused_with_what_is_there(
    desk: DeskOf, engine: Engine
) -> None:
    api = desk("regulator")
    await api.ask("POST", "/v1/orders?wait=9", json=ORDER)

    status, body = await api.ask("POST", "/v1/orders?wait=9", json={**ORDER, "entries": ["other.example"]})

    assert status == 409
    assert body["where"] == "/ref"
    assert body["order"]["ref"] == ORDER["ref"]
    assert body["order"]["counts"] == {"enforced": 2}
    assert len(live(engine)) == 2


async def test_two_issuers_may_use_one_reference_and_each_has_its_own_order(desk: DeskOf) -> None:
    api = desk("operator")
    await api.ask("POST", "/v1/orders?wait=9", json=ORDER)
    await api.ask("POST", "/v1/orders?wait=9", json={**ORDER, "issuer": "IHC"})

    assert (await api.ask("GET", PATH))[1]["id"] == 1
    assert (await api.ask("GET", PATH.replace("=PTA", "=IHC")))[1]["id"] == 2
    assert (await api.ask("GET", "/v1/orders/id/2"))[1]["issuer"] == "IHC"


async def test_a_reference_that_looks_like_a_number_is_never_that_order(desk: DeskOf, engine: Engine) -> None:
    api = desk("operator")
    await api.ask("POST", "/v1/orders?wait=9", json=ORDER)
    _, other = await api.ask(
        "POST", "/v1/orders?wait=9", json={**ORDER, "issuer": "IHC", "ref": "1", "entries": ["b.example"]}
    )
    assert other["id"] == 2

    assert (await api.ask("GET", "/v1/orders/id/1"))[1]["ref"] == ORDER["ref"]
    assert (await api.ask("GET", "/v1/orders/1?issuer=IHC"))[1]["id"] == 2
    assert (await api.ask("GET", "/v1/orders/1?issuer=PTA"))[0] == 404
    assert (await api.ask("POST", "/v1/orders/1/withdraw", json={"reason": "x"}))[0] == 422
    assert (await api.ask("POST", "/v1/orders/2/withdraw?issuer=IHC", json={"reason": "x"}))[0] == 404
    assert len(live(engine)) == 3
    assert (await api.ask("POST", "/v1/orders/id/2/withdraw", json={"reason": "x"}))[1]["ref"] == "1"
    assert {order for _, _, order in live(engine)} == {1}


async def test_nothing_is_called_enforced_while_control_is_away_and_a_second_push_finishes_it(
    desk: DeskOf, control: PlayedControl
) -> None:
    api = desk("regulator")
    control.fails = "connection refused"

    status, body = await api.ask("POST", "/v1/orders?wait=9", json=ORDER)

    assert (status, body["state"], body["receipt"]) == (202, "pending", None)
    assert body["detail"] == "control: connection refused; the change is stored; send the same request again"
    assert (await api.ask("GET", PATH))[1]["counts"] == {"pending": 2}

    control.fails = None
    status, body = await api.ask("POST", "/v1/orders?wait=9", json=ORDER)

    assert (status, body["state"]) == (200, "enforced")


async def test_one_worker_that_refuses_means_not_in_force(desk: DeskOf, control: PlayedControl) -> None:
    control.refuses = "names image 42: checksum differs; still serving 41"

    status, body = await desk("regulator").ask("POST", "/v1/orders?wait=9", json=ORDER)

    assert (status, body["state"]) == (202, "pending")
    assert "gate-0: names image 42: checksum differs" in body["detail"]


async def test_a_withdrawn_order_opens_its_names_again_after_an_acknowledgement(
    desk: DeskOf, control: PlayedControl, engine: Engine
) -> None:
    api = desk("regulator")
    await api.ask("POST", "/v1/orders?wait=9", json=ORDER)

    status, body = await api.ask("POST", WITHDRAW, json={"reason": "PTA/WA/130/2026"})

    assert status == 200
    assert (body["state"], body["counts"], body["withdrawn_now"]) == ("withdrawn", {"withdrawn": 2}, 2)
    assert body["withdrawal_receipt"]["generation"] == 43
    assert body["withdrawal_reason"] == "PTA/WA/130/2026"
    assert live(engine) == set()
    assert (await api.ask("POST", WITHDRAW, json={"reason": "again"}))[1]["withdrawn_now"] == 0


async def test_a_withdrawal_while_control_is_away_says_so_and_can_be_sent_again(
    desk: DeskOf, control: PlayedControl
) -> None:
    api = desk("regulator")
    await api.ask("POST", "/v1/orders?wait=9", json=ORDER)
    control.fails = "connection refused"

    assert (await api.ask("POST", WITHDRAW, json={"reason": "x"}))[0] == 503
    assert (await api.ask("GET", PATH))[1]["state"] == "withdrawal_pending"

    control.fails = None
    assert (await api.ask("POST", WITHDRAW, json={"reason": "x"}))[1]["state"] == "withdrawn"


async def test_a_withdrawn_order_is_not_revived_by_pushing_it_again(desk: DeskOf) -> None:
    api = desk("regulator")
    await api.ask("POST", "/v1/orders?wait=9", json=ORDER)
    await api.ask("POST", WITHDRAW, json={"reason": "x"})

    status, body = await api.ask("POST", "/v1/orders?wait=9", json=ORDER)

    assert status == 409
    assert "an order that was withdrawn has this reference" in body["detail"]


async def test_a_part_of_an_order_can_be_withdrawn_by_name_or_as_it_was_pushed(desk: DeskOf, engine: Engine) -> None:
    api = desk("regulator")
    await api.ask("POST", "/v1/orders?wait=9", json={**ORDER, "entries": ["Bad.Example.", "b.example", "c.example"]})

    status, body = await api.ask("POST", WITHDRAW, json={"reason": "x", "entries": ["bad.example", "b.example"]})

    assert status == 200
    assert (body["state"], body["counts"]) == ("enforced", {"enforced": 1, "withdrawn": 2})
    assert {wire for wire, _, _ in live(engine)} == {b"\1c\7example\0"}


async def test_withdrawing_what_is_not_in_the_order_changes_nothing(desk: DeskOf, engine: Engine) -> None:
    api = desk("regulator")
    await api.ask("POST", "/v1/orders?wait=9", json=ORDER)

    status, body = await api.ask("POST", WITHDRAW, json={"reason": "x", "entries": ["bad.example", "other.example"]})

    assert (status, body["where"]) == (422, "/entries/1")
    assert len(live(engine)) == 2


async def test_a_name_of_two_orders_stays_blocked_and_the_answer_says_by_which(desk: DeskOf, engine: Engine) -> None:
    api = desk("regulator")
    await api.ask("POST", "/v1/orders?wait=9", json=ORDER)
    await api.ask("POST", "/v1/orders?wait=9", json={**ORDER, "ref": "second", "entries": ["bad.example"]})

    _, body = await api.ask("POST", WITHDRAW, json={"reason": "x"})

    assert body["still_blocked"] == [{"name": "bad.example", "order": 2, "issuer": "PTA", "ref": "second"}]
    assert live(engine) == {(b"\3bad\7example\0", "subtree", 2)}


async def test_a_name_that_a_list_or_a_wider_entry_still_blocks_is_named_with_what_blocks_it(
    desk: DeskOf, control: PlayedControl
) -> None:
    api = desk("operator")
    await api.ask("POST", "/v1/orders?wait=9", json=ORDER)
    control.decisions["bad.example"] = {"reason": "order", "action": "nxdomain", "list": "pta", "rule": "example"}

    _, body = await api.ask("POST", WITHDRAW, json={"reason": "x"})

    assert body["still_blocked"] == [{"name": "bad.example", "list": "pta"}]


def letter(engine: Engine, **counts: int) -> int:
    with writing(engine) as conn:
        number = orders.number_letter(conn, "PTA", "WA/9", NOW)
        keep_letters(conn, {"pta": {str(number): counts}} if counts else {}, 3, NOW)
        return number


async def test_a_letter_that_a_list_names_is_not_withdrawn_here_and_the_answer_says_who_can(
    desk: DeskOf, control: PlayedControl, engine: Engine
) -> None:
    number = letter(engine, enforced=7)
    api = desk("operator")

    status, body = await api.ask("POST", f"/v1/orders/id/{number}/withdraw", json={"reason": "a court"})

    assert status == 409
    assert "PTA WA/9: list pta holds entries of it; nothing withdrawn; who keeps the list" in body["detail"]
    assert control.asked == []
    shown = (await api.ask("GET", f"/v1/orders/id/{number}"))[1]
    assert (shown["state"], shown["withdrawn"], shown["counts"]) == ("enforced", None, {"enforced": 7})
    assert shown["lists"] == [{"list": "pta", "generation": 3, "since": "2026-08-03T21:00:03.000+05:00"}]


async def test_a_pushed_order_that_a_list_names_too_is_not_withdrawn_before_the_list_lets_it_go(
    desk: DeskOf, engine: Engine
) -> None:
    api = desk("operator")
    await api.ask("POST", "/v1/orders?wait=9", json={**ORDER, "ref": "WA/9"})
    letter(engine, enforced=1)

    assert (await api.ask("POST", "/v1/orders/WA%2F9/withdraw?issuer=PTA", json={"reason": "x"}))[0] == 409
    assert len(live(engine)) == 2
    letter(engine)
    assert (await api.ask("POST", "/v1/orders/WA%2F9/withdraw?issuer=PTA", json={"reason": "x"}))[0] == 200


@pytest.mark.parametrize(
    ("counts", "state"),
    [
        ({}, "nothing_enforced"),
        ({"invalid": 1}, "nothing_enforced"),
        ({"enforced": 4, "refused_protected": 3}, "partly_enforced"),
        ({"enforced": 4, "enforced_http_only": 3, "expired": 1}, "enforced"),
    ],
)
async def test_the_state_of_a_lists_letter_comes_from_what_the_compilation_counted(
    desk: DeskOf, engine: Engine, counts: dict[str, int], state: str
) -> None:
    number = letter(engine, **counts)

    shown = (await desk("operator").ask("GET", f"/v1/orders/id/{number}"))[1]

    assert (shown["state"], shown["counts"]) == (state, counts)


async def test_an_order_of_which_some_entries_are_not_enforced_is_partly_enforced(desk: DeskOf) -> None:
    api = desk("regulator")

    _, partly = await api.ask("POST", "/v1/orders?wait=9", json={**ORDER, "entries": ["a.example", "com.pk"]})
    _, wholly = await api.ask(
        "POST", "/v1/orders?wait=9", json={**ORDER, "ref": "2", "entries": ["b.example", "B.example"]}
    )

    assert (partly["state"], wholly["state"]) == ("partly_enforced", "enforced")


async def test_an_order_may_be_sent_again_after_its_deadline(desk: DeskOf, clock: Clock) -> None:
    api = desk("regulator")
    _, first = await api.ask("POST", "/v1/orders?wait=9", json=ORDER)
    clock.forward(days=30)

    late = {**first, "clock": {**first["clock"], "state": "overdue"}}
    assert await api.ask("POST", "/v1/orders?wait=9", json=ORDER) == (200, late)


@pytest.mark.parametrize("change", [{"category": "child-abuse"}, {"ground": "PECA 2016, section 22"}])
async def test_an_order_of_child_abuse_material_is_refused_and_nothing_of_it_is_kept_or_said(
    desk: DeskOf, engine: Engine, control: PlayedControl, caplog: pytest.LogCaptureFixture, change: dict[str, str]
) -> None:
    api = desk("regulator")

    status, body = await api.ask("POST", "/v1/orders?wait=9", json={**ORDER, **change, "entries": ["sealed.example"]})

    assert (status, body["where"]) == (422, f"/{next(iter(change))}")
    assert "nothing of it stored; encrypt its entries and push it to /v1/sealed-orders" in body["detail"]
    assert "sealed.example" not in str(body) + caplog.text
    assert (live(engine), control.asked) == (set(), [])
    assert (await api.ask("GET", "/v1/orders"))[1]["orders"] == []


async def test_a_regulators_token_neither_pushes_nor_withdraws_for_another_issuer(
    desk: DeskOf, control: PlayedControl, engine: Engine
) -> None:
    court = {**ORDER, "issuer": "Islamabad High Court"}
    await desk("operator").ask("POST", "/v1/orders?wait=9", json=court)
    before = live(engine)
    control.asked.clear()
    api = desk("regulator")

    refused = [
        await api.ask("POST", "/v1/orders?wait=9", json={**court, "ref": "2"}),
        await api.ask("POST", "/v1/orders?wait=9", json=court),
        await api.ask("POST", WITHDRAW.replace("=PTA", "=Islamabad%20High%20Court"), json={"reason": "x"}),
        await api.ask("POST", "/v1/orders/id/1/withdraw", json={"reason": "x", "entries": ["bad.example"]}),
    ]

    assert [(status, body["where"]) for status, body in refused] == [(403, "/issuer")] * 4
    assert (
        "this token speaks for PTA, and the order is of Islamabad High Court; nothing done" in refused[0][1]["detail"]
    )
    assert (live(engine), control.asked) == (before, [])
    assert (await api.ask("GET", "/v1/orders"))[1]["orders"] == []


async def test_a_regulators_token_of_an_older_release_speaks_for_no_issuer(desk: DeskOf, engine: Engine) -> None:
    api = desk("regulator")
    with writing(engine) as conn:
        conn.execute(update(tokens).values(issuer=None))

    status, body = await api.ask("POST", "/v1/orders?wait=9", json=ORDER)

    assert (status, "this token speaks for no issuer" in body["detail"]) == (403, True)
    assert live(engine) == set()


async def test_the_same_order_pushed_many_times_at_once_is_stored_once(desk: DeskOf, engine: Engine) -> None:
    api = desk("regulator")

    answers = await asyncio.gather(*(api.ask("POST", "/v1/orders?wait=9", json=ORDER) for _ in range(8)))

    assert {status for status, _ in answers} == {200, 201}
    assert len((await api.ask("GET", "/v1/orders"))[1]["orders"]) == 1
    assert len(live(engine)) == 2


async def test_entries_come_in_pages(desk: DeskOf) -> None:
    api = desk("operator")
    entries = [f"n{i}.example" for i in range(1500)]

    _, first = await api.ask("POST", "/v1/orders?wait=9", json={**ORDER, "entries": entries})
    _, second = await api.ask("GET", f"{PATH}&after={first['next']}")

    assert [e["value"] for e in first["entries"] + second["entries"]] == entries
    assert second["next"] is None


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"issuer": ""}, "/issuer"),
        ({"ref": None}, "/ref"),
        ({"ref": "a\nb"}, "/ref"),
        ({"ground": "x" * 501}, "/ground"),
        ({"scope": "below"}, "/scope"),
        ({"deadline": "2026-08-05T10:00:00"}, "/deadline"),
        ({"deadline": "soon"}, "/deadline"),
        ({"deadline": "2020-01-01T00:00:00+05:00"}, "/deadline"),
        ({"deadline": "2026-08-03T21:00:03+05:00"}, "/deadline"),
        ({"deadline": "2028-08-05T10:00:00+05:00"}, "/deadline"),
        ({"deadline": "9999-12-31T23:59:59-14:00"}, "/deadline"),
        ({"deadline": "0001-01-01T00:00:00+14:00"}, "/deadline"),
        ({"emergency": "yes"}, "/emergency"),
        ({"entries": []}, "/entries"),
        ({"entries": "bad.example"}, "/entries"),
        ({"entries": [7]}, "/entries/0"),
        ({"entries": ["a.example", ""]}, "/entries/1"),
        ({"entries": ["x" * 2049]}, "/entries/0"),
        ({"entries": [{"value": "a.example", "scope": "all"}]}, "/entries/0/scope"),
        ({"entries": [{"value": "a.example", "mode": "exact"}]}, "/entries/0/mode"),
        ({"entries": ["a.example"] * 100_001}, "/entries"),
        ({"isuer": "PTA"}, "/isuer"),
        ({"category": "other"}, "/category"),
    ],
)
async def test_a_field_that_cannot_be_taken_is_named_and_nothing_is_stored(
    desk: DeskOf, change: Any, where: str
) -> None:
    api = desk("regulator")

    status, body = await api.ask("POST", "/v1/orders?wait=9", json={**ORDER, **change})

    assert (status, body["where"]) == (422, where)
    assert body["detail"].startswith(f"{where}: ") and "; not taken; " in body["detail"]
    assert (await api.ask("GET", "/v1/orders"))[1] == {"orders": [], "next": None}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"issuer": NaN}'])
async def test_a_body_that_is_no_object_is_refused_and_not_a_fault_of_ours(desk: DeskOf, body: bytes) -> None:
    status, answer = await desk("regulator").ask("POST", "/v1/orders?wait=9", data=body)

    assert status in (400, 422)
    assert set(answer) >= {"title", "detail", "where"}


@pytest.mark.parametrize(
    "path", ["none?issuer=PTA", "id/99", "id/x", "id/" + "9" * 30, "9" * 30 + "?issuer=PTA", "%00?issuer=PTA"]
)
async def test_an_order_that_is_not_there_is_said_so(desk: DeskOf, path: str) -> None:
    status, body = await desk("operator").ask("GET", "/v1/orders/" + path)

    assert (status, body["where"]) == (404, "order")


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b'{"\\ud800":1}', "body"),
        ('{"issuer":"PTA","entries\udc00":[]}'.encode("utf-16-le", "surrogatepass"), "body"),
        (b'{"issuer":"PTA","ref":"r","ground":"g","entries":[{"\\udfff":1}]}', "body"),
        (b'{"issuer":"PTA","ref":"r","ground":"g","entries":["\\ud800.example","ok.example"]}', "body"),
    ],
)
async def test_half_a_surrogate_pair_is_refused_and_not_a_fault_of_ours(desk: DeskOf, body: Any, where: str) -> None:
    status, headers, answer = await desk("regulator").raw("POST", "/v1/orders?wait=9", data=body)

    assert (status, headers["Content-Type"]) == (400, "application/problem+json")
    assert json.loads(answer)["where"] == where
