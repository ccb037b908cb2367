"""The rules of two persons: who may agree with whom, for how long, and how far an approval has come."""

from collections import namedtuple
from datetime import timedelta
from typing import Any

import pytest

from mgmt.ledger.trusted_clock import UNKNOWN
from mgmt.staff.approvals.rules import (
    ALONE,
    APPROVED,
    LONGEST,
    PROPOSED,
    ApprovalRefusal,
    Kind,
    Signatory,
    State,
    differ,
    digest_of,
    fault_of,
    is_over,
    refuse_alone,
    refuse_blank,
    refuse_unnamed,
    state_of,
    waits,
)

DAY_S = 86_400
KINDS = {
    "held": Kind(takes_names=True),
    "whole": Kind(longest=None, takes_names=True),
    "rollback": Kind(longest=timedelta(days=1)),
    "hold": Kind(longest=timedelta(days=366), needs_clock=False),
}
GIVEN: dict[str, Any] = {
    "id": 7,
    "kind": "held",
    "way": "desk",
    "reason": "why",
    "reference": "WA/9",
    "collateral": "none",
    "proposer": "A. Khan",
    "proposer_group": "compliance",
    "proposed_s": 1000,
    "approver": "B. Ali",
    "approver_group": "approver",
    "approved_s": 2000,
    "expires_s": 1000 + DAY_S,
    "lapsed_ms": None,
}


def row(**more: Any) -> Any:
    return namedtuple("Row", GIVEN)(**(GIVEN | more))


@pytest.mark.parametrize(
    ("other", "may"),
    [
        (("B. Ali", "approver"), True),
        (("B. Ali", "compliance"), False),
        (("A. Khan", "approver"), False),
        ((" a.  khan", "approver"), False),
        (("\uff21. Khan", "approver"), False),  # fullwidth
    ],
)
def test_two_agree_where_their_names_and_their_groups_differ(other: tuple[str, str], may: bool) -> None:
    assert differ(("A. Khan", "compliance"), other) is differ(other, ("A. Khan", "compliance")) is may


@pytest.mark.parametrize(
    ("name", "group", "why"),
    [
        ("a. khan", "approver", "a. khan has proposed it; not approved; another person must"),
        ("a. khan", "compliance", "a. khan has proposed it; not approved; another person must"),
        ("B. Ali", "compliance", "compliance has proposed it; not approved; another group must"),
    ],
)
def test_who_may_not_agree_reads_why(name: str, group: str, why: str) -> None:
    with pytest.raises(ApprovalRefusal, match=f"^approval 7: {why}$"):
        refuse_alone(row(), name, group)

    refuse_alone(row(), "B. Ali", "approver")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, None),
        ({"kind": "none"}, "is of a kind that there is not"),
        ({"way": "names"}, None),
        ({"kind": "rollback"}, None),
        ({"kind": "rollback", "way": "names"}, "is not signed at a desk"),
        ({"kind": "rollback", "expires_s": 1001 + DAY_S}, "is for longer than a day"),
        ({"expires_s": 1000 + 30 * DAY_S}, None),
        ({"expires_s": 1001 + 30 * DAY_S}, "is for longer than 30 days"),
        ({"expires_s": 1000}, "is for longer than 30 days"),
        ({"kind": "whole", "expires_s": None}, None),
        ({"approver": "a. khan"}, ALONE),
        ({"approver_group": "compliance"}, ALONE),
        *(({field: " "}, "has no reason, reference or note of collateral") for field in ("reason", "reference")),
        ({"collateral": ""}, "has no reason, reference or note of collateral"),
    ],
)
def test_an_approval_that_is_not_as_its_kind_demands_is_none(change: dict[str, Any], why: str | None) -> None:
    assert fault_of(row(**change), KINDS) == why


@pytest.mark.parametrize(
    ("change", "signed", "is_refused", "state"),
    [
        ({"approved_s": None}, (), False, State.UNSIGNED),
        ({"approved_s": None}, (APPROVED,), False, State.UNSIGNED),
        ({"approved_s": None}, (PROPOSED,), False, State.WAITING),
        ({"approved_s": None, "way": "names"}, (), False, State.WAITING),
        ({"approved_s": None}, (PROPOSED, APPROVED), False, State.AGREED),
        ({"approved_s": None}, (PROPOSED,), True, State.REFUSED),
        ({}, (PROPOSED, APPROVED), True, State.GIVEN),
        ({"lapsed_ms": 1}, (PROPOSED, APPROVED), False, State.ENDED),
        ({"lapsed_ms": 1, "approved_s": None}, (), True, State.ENDED),
    ],
)
def test_an_approval_has_come_as_far_as_its_row_and_its_signatures_say(
    change: dict[str, Any], signed: tuple[str, ...], is_refused: bool, state: State
) -> None:
    assert state_of(row(**change), signed, is_refused=is_refused) is state


@pytest.mark.parametrize(
    ("change", "now_s", "is_waiting"),
    [
        ({}, 1000, False),
        ({}, UNKNOWN, True),
        ({"kind": "hold"}, UNKNOWN, False),
        ({"kind": "none"}, UNKNOWN, True),
        ({"proposed_s": 2000, "expires_s": 2000 + 30 * DAY_S}, 1999, True),
        ({"proposed_s": 2000, "expires_s": 1999 + 30 * DAY_S}, 1999, False),
        ({"kind": "whole", "proposed_s": 2000, "expires_s": None}, 1, False),
    ],
)
def test_control_waits_for_the_time_where_an_approval_could_hold_for_too_long(
    change: dict[str, Any], now_s: int, is_waiting: bool
) -> None:
    assert waits(row(**change), KINDS, now_s) is is_waiting


def test_an_approval_is_over_from_its_end_on_and_without_one_never() -> None:
    end_s = 1000 + DAY_S

    assert [is_over(row(), now_s) for now_s in (end_s - 1, end_s)] == [False, True]
    assert not is_over(row(expires_s=None), end_s)
    assert timedelta(days=30) == LONGEST


def test_what_is_agreed_to_has_another_digest_with_each_other_word() -> None:
    words: list[list[object]] = [["a", 1], ["a", "1"], ["a1"], ["a", 1, None], []]

    assert len({digest_of(each) for each in words}) == len(words)
    assert digest_of(["a", 1]) == digest_of(["a", 1])


def test_a_word_that_is_missing_is_named() -> None:
    with pytest.raises(ApprovalRefusal, match=r"^reference: missing; nothing proposed; write it$"):
        refuse_blank(GIVEN | {"reference": "\t"})

    refuse_blank({"reason": "why"}, ("reason",))


@pytest.mark.parametrize(
    ("name", "group", "why"), [(" ", "approver", "name: empty"), ("A. Khan", "visitors", "group 'visitors': unknown")]
)
def test_a_name_that_is_said_on_the_box_is_one_and_of_a_known_group(name: str, group: str, why: str) -> None:
    with pytest.raises(ApprovalRefusal, match=why):
        refuse_unnamed(Signatory(name, group, "root"))

    refuse_unnamed(Signatory("A. Khan", "approver", "root"))
