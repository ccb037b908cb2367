"""Everything that two persons agree to goes by the same rules."""

import re
from datetime import timedelta

from sqlalchemy import CheckConstraint

from mgmt.registers.two_persons import SUBJECTS
from parental.store.schema.orders import approvals


def check_of(name: str) -> str:
    """What the database asks of every row."""
    checks = (each for each in approvals.constraints if isinstance(each, CheckConstraint))
    return next(str(each.sqltext) for each in checks if each.name == name)


def test_the_database_takes_the_kinds_that_the_subjects_have_and_no_other() -> None:
    check = check_of("approvals_kinds")
    kinds = [kind for each in SUBJECTS for kind in each.kinds]

    assert sorted(re.findall("'([a-z-]+)'", check)) == sorted(set(kinds)) == sorted(kinds)


def test_the_database_lets_none_of_them_hold_for_longer_than_its_kind_may() -> None:
    check = check_of("approvals_for_thirty_days")
    hold_s, other_s = (int(seconds) for seconds in re.findall(r"(?:THEN|ELSE) (\d+)", check))
    longest = {name: kind.longest for each in SUBJECTS for name, kind in each.kinds.items()}

    assert longest["legal-hold"] == timedelta(seconds=hold_s)
    assert {name for name, most in longest.items() if most is None} == {"emergency", "sealed", "enforce"}
    assert max(most for name, most in longest.items() if most and name != "legal-hold") == timedelta(seconds=other_s)


def test_a_name_that_is_said_on_the_box_counts_of_orders_alone() -> None:
    assert [{kind.takes_names for kind in each.kinds.values()} for each in SUBJECTS] == [{True}, *[{False}] * 3]
