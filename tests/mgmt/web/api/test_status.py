from typing import Any

import pytest
from support.mgmt.desk import DeskOf, PlayedControl

from rules.base.category import NUMBERS

ORDER_DECISION = {
    "reason": "order",
    "action": "splash",
    "list": "pta",
    "rule": "bad.example",
    "order_ref": "PTA/1",
    "secret": "stays inside",
}


async def test_status_says_what_control_says_and_which_helplines_nobody_has_verified(desk: DeskOf) -> None:
    _, body = await desk("operator").ask("GET", "/v1/status")

    worker = {"ok": True, "name": "dns-0", "generations": {"names": [41, 0]}, "refused": None}
    assert body["control"] == {"ok": True, "workers": [worker], "kinds": sorted(NUMBERS)}
    assert any(notice.startswith("helpline 1121: ") for notice in body["notices"])


async def test_status_answers_while_control_is_dead(desk: DeskOf, control: PlayedControl) -> None:
    control.fails = "connection refused"

    status, body = await desk("operator").ask("GET", "/v1/status")

    assert status == 200
    assert body["control"]["ok"] is False
    assert "connection refused" in body["control"]["detail"]


async def test_explain_says_which_order_blocks_a_name_and_nothing_it_was_not_asked(
    desk: DeskOf, control: PlayedControl
) -> None:
    control.decisions["bad.example"] = ORDER_DECISION

    _, body = await desk("operator").ask("GET", "/v1/explain?name=BAD.example.&address=192.0.2.7&channel=sni")

    assert control.asked == [("bad.example", "192.0.2.7", "sni")]
    assert body["decision"] == {key: ORDER_DECISION[key] for key in ("reason", "action", "list", "rule", "order_ref")}


async def test_explain_tells_of_an_address_that_answers_lead_to_by_its_prefix(
    desk: DeskOf, control: PlayedControl
) -> None:
    control.decisions["2001:db8::7"] = {**ORDER_DECISION, "rule": "2001:db8::/32"}

    _, body = await desk("operator").ask("GET", "/v1/explain?name=2001:DB8:0::7")

    assert control.asked == [("2001:db8::7", None, "dns")]
    assert (body["name"], body["decision"]["rule"]) == ("2001:db8::7", "2001:db8::/32")


async def test_explain_names_the_list_in_the_shadow_that_would_block_what_nothing_decides(
    desk: DeskOf, control: PlayedControl
) -> None:
    control.decisions["new.test"] = {"reason": "default", "action": "passthru", "shadow": "new"}
    control.decisions[None] = {"reason": "default", "action": "passthru", "shadow": None}

    _, body = await desk("operator").ask("GET", "/v1/explain?name=new.test")
    _, other = await desk("operator").ask("GET", "/v1/explain?name=free.test")

    assert (body["decision"], body["shadow"]) == (None, "new")
    assert (other["decision"], other["shadow"]) == (None, None)


@pytest.mark.parametrize("tier", ["allowed", "grant"])
async def test_explain_tells_what_a_household_has_opened_in_both_languages(
    desk: DeskOf, control: PlayedControl, tier: str
) -> None:
    said = {"en": "The family keeps it open.", "ur": "کھلا"}
    control.decisions["ok.test"] = {"reason": "default", "action": "passthru", "tier": tier, "sentences": said}

    _, body = await desk("operator").ask("GET", "/v1/explain?name=ok.test&address=192.0.2.7")

    assert (body["decision"]["tier"], body["decision"]["sentences"]) == (tier, said)


@pytest.mark.parametrize("lock", [{"reason": "default"}, {"reason": "pause", "action": "splash"}])
async def test_explain_tells_a_confidential_name_from_an_allowed_one_by_nothing(
    desk: DeskOf, control: PlayedControl, lock: Any
) -> None:
    control.decisions["hidden.test"] = {"reason": "csam", "action": "splash", "list": "iwf", "rule": "hidden.test"}
    control.decisions["allowed.test"] = control.decisions[None] = lock
    api = desk("operator")

    hidden = await api.raw("GET", "/v1/explain?name=hidden.test&address=192.0.2.7")
    allowed = await api.raw("GET", "/v1/explain?name=allowed.test&address=192.0.2.7")

    assert hidden[0] == allowed[0]
    assert hidden[2].replace(b"hidden", b"allowed") == allowed[2]
    assert b"iwf" not in hidden[2] and b"csam" not in hidden[2]


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("", "?name"),
        ("name=a..b", "?name"),
        ("name=a.test&address=x", "?address"),
        ("name=a.test&channel=lock", "?channel"),
    ],
)
async def test_a_question_that_is_none_is_named(desk: DeskOf, query: str, where: str) -> None:
    status, body = await desk("operator").ask("GET", f"/v1/explain?{query}")

    assert (status, body["where"]) == (422, where)


async def test_explain_without_control_is_a_problem_and_not_a_guess(desk: DeskOf, control: PlayedControl) -> None:
    control.fails = "connection refused"

    assert (await desk("operator").ask("GET", "/v1/explain?name=a.test"))[0] == 503
