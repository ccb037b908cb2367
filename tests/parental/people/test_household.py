from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from parental.people import household as records
from parental.people.household import By

NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)
SANA = By("caregiver", "3", "owner")


def test_a_household_sees_who_did_what_the_newest_first_and_nothing_of_others(household: Connection) -> None:
    records.note(household, 7, SANA, "child added", {"child": 1}, NOON)
    records.note(household, 8, SANA, "child added", {"child": 2}, NOON)
    records.note(household, 7, SANA, "paused", {"child": 1}, NOON + timedelta(hours=1))

    found = records.history(household, 7)

    assert [(row.action, row.about, row.by_name) for row in found] == [
        ("paused", '{"child": 1}', "3"),
        ("child added", '{"child": 1}', "3"),
    ]
    assert [row.action for row in records.history(household, 7, before=found[0].id)] == ["child added"]


def test_what_is_old_goes_in_batches(household: Connection) -> None:
    for hour in range(3):
        records.note(household, 7, SANA, f"h{hour}", {}, NOON + timedelta(hours=hour))
    before_s = int((NOON + timedelta(hours=2)).timestamp())

    assert [records.forget(household, before_s, 1) for _ in range(3)] == [1, 1, 0]
    assert [row.action for row in records.history(household, 7)] == ["h2"]


def test_what_was_done_about_one_child_since_a_time_is_counted_by_what_it_was(household: Connection) -> None:
    for hours, about, action in (
        (0, 1, "asked"),
        (1, 1, "asked"),
        (1, 1, "paused"),
        (2, 11, "asked"),
        (-1, 1, "asked"),
    ):
        records.note(household, 7, SANA, action, {"child": about}, NOON + timedelta(hours=hours))
    records.note(household, 8, SANA, "asked", {"child": 1}, NOON)

    assert records.count_of(household, 7, {"child": 1}, int(NOON.timestamp())) == {"asked": 2, "paused": 1}
