import json
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine, select
from support.present import present

from mgmt.ledger.event import Actor
from mgmt.registers.records import wrong_blocks as store
from parental.store.database import reading, writing
from parental.store.schema.ledger import events
from parental.store.schema.reports import wrong_blocks

NOW = datetime(2026, 8, 3, 20, tzinfo=UTC)  # Tuesday, 1 am in Karachi
ZONE = "Asia/Karachi"
BY = Actor("token", "3", "operator")


@pytest.mark.parametrize(
    ("asked", "due"), [("2026-08-03", "2026-08-05"), ("2026-08-06", "2026-08-10"), ("2026-08-08", "2026-08-11")]
)
def test_the_answer_is_due_in_two_working_days(asked: str, due: str) -> None:
    assert store.answer_due(date.fromisoformat(asked)).isoformat() == due


def test_a_report_has_a_reference_a_reason_a_name_and_a_local_day_and_no_person(engine: Engine) -> None:
    with writing(engine) as conn:
        report = present(store.report_mistake(conn, "category", "a.example", NOW, ZONE))
        found = store.find_report(conn, f" {report.reference[:4].lower()}-{report.reference[4:]}")

    assert found == report
    assert len(report.reference) == 8
    assert report.due == date(2026, 8, 6), "it is Tuesday there already"
    assert {column.name for column in wrong_blocks.c} == {
        *("id", "reference", "reason", "name", "reported_s", "due", "times", "outcome", "answered_s")
    }


def test_what_is_closed_by_law_is_reported_without_its_name(engine: Engine) -> None:
    with writing(engine) as conn:
        reports = [present(store.report_mistake(conn, "law", "hidden.test", NOW, ZONE)) for _ in range(2)]

    assert [report.name for report in reports] == [None, None]
    assert reports[0].reference != reports[1].reference


def test_the_same_name_is_one_report_until_it_is_answered(engine: Engine) -> None:
    with writing(engine) as conn:
        first, again = (present(store.report_mistake(conn, "security", "a.example", NOW, ZONE)) for _ in range(2))
        [(_, times, _)] = store.iter_reports(conn)
        store.answer_report(conn, first.reference, "kept", NOW, BY)
        later = present(store.report_mistake(conn, "security", "a.example", NOW, ZONE))

    assert first.reference == again.reference != later.reference
    assert times == 2


def test_so_many_wait_of_each_reason_and_no_more(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MAX_WAITING", 2)
    with writing(engine) as conn:
        taken = [store.report_mistake(conn, "law", None, NOW, ZONE) is not None for _ in range(3)]

        assert taken == [True, True, False]
        assert store.report_mistake(conn, "category", "a.example", NOW, ZONE) is not None


def test_a_familys_own_choice_is_no_mistake_of_ours(engine: Engine) -> None:
    with writing(engine) as conn, pytest.raises(ValueError, match="no block of ours"):
        store.report_mistake(conn, "pause", "a.example", NOW, ZONE)


def test_a_report_is_late_the_day_after_its_day_and_not_once_it_is_answered(engine: Engine) -> None:
    with writing(engine) as conn:
        report = present(store.report_mistake(conn, "category", "a.example", NOW, ZONE))
        assert [store.n_late(conn, report.due + timedelta(days=n)) for n in (0, 1)] == [0, 1]
        answered = present(store.answer_report(conn, report.reference, "opened", NOW, BY))

        assert (answered.outcome, answered.answered) == ("opened", NOW)
        assert store.n_late(conn, report.due + timedelta(days=1)) == 0
        assert store.answer_report(conn, "NOSUCH22", "kept", NOW, BY) is None


def test_an_answer_is_an_event_that_names_neither_the_visitor_nor_the_name(engine: Engine) -> None:
    with writing(engine) as conn:
        report = present(store.report_mistake(conn, "category", "a.example", NOW, ZONE))
        store.answer_report(conn, report.reference, "kept", NOW, BY)
        store.answer_report(conn, report.reference, "opened", NOW, BY)
        told = [json.loads(text) for text in conn.execute(select(events.c.text).order_by(events.c.number)).scalars()]

    assert [each["action"] for each in told] == ["wrong block answered"] * 2
    assert told[0]["said"] == {"outcome": "kept", "reason": "category", "times": 1, "due": "2026-08-06"}
    assert told[1]["said"]["outcome before"] == "kept"
    assert told[1]["actor"]["name"] == "3"
    assert "a.example" not in str(told) and report.reference not in str(told)


def test_answers_of_a_year_ago_are_forgotten(engine: Engine) -> None:
    with writing(engine) as conn:
        old = present(store.report_mistake(conn, "category", "a.example", NOW, ZONE))
        store.answer_report(conn, old.reference, "kept", NOW, BY)
        new = present(store.report_mistake(conn, "category", "b.example", NOW, ZONE))
        store.answer_report(conn, new.reference, "kept", NOW + timedelta(days=366), BY)

    with reading(engine) as conn:
        assert store.find_report(conn, old.reference) is None
        assert store.find_report(conn, new.reference) is not None


def test_the_queue_begins_with_the_day_that_comes_first_and_the_answers_with_the_last(engine: Engine) -> None:
    with writing(engine) as conn:
        made = [
            present(store.report_mistake(conn, "category", f"{n}.example", NOW - timedelta(days=n), ZONE)).reference
            for n in range(4)
        ]
        for n in (3, 2):
            store.answer_report(conn, made[n], "kept", NOW + timedelta(hours=n), BY)

        assert [each.reference for _, each in store.waiting_reports(conn, 9)] == [made[1], made[0]]
        assert [each.reference for _, each in store.waiting_reports(conn, 1)] == [made[1]]
        assert [(times, each.reference) for times, each in store.answered_reports(conn, 9)] == [
            (1, made[3]),
            (1, made[2]),
        ]
