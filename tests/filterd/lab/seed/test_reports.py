from support.system.seeded import END, Life

from mgmt.contract.control import LAW
from mgmt.registers.records.wrong_blocks import OUTCOMES, iter_reports, n_late


def test_reports_have_every_answer_and_some_have_none_yet(life: Life) -> None:
    reports = [report for _, _, report in iter_reports(life.conn)]

    assert {report.outcome for report in reports} == {*OUTCOMES, None}
    assert all(report.name is None for report in reports if report.reason == LAW)
    assert all(report.answered is None or report.reported < report.answered <= END for report in reports)


def test_one_answer_is_late(life: Life) -> None:
    assert n_late(life.conn, END.date()) == 1
