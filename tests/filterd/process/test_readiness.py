from typing import Any

import pytest

from filterd.process.readiness import answers, is_cut_off, unfit


def worker(name: str, **upstreams: bool) -> dict[str, Any]:
    return {"name": name, "pid": 7, "refused": None, "upstreams": upstreams}


SILENT_DNS = {"name": "dns-1", "refused": "no socket", "counters": {}}
SILENT_GATE = {"name": "gate-0", "refused": "no socket", "counters": {}}


@pytest.mark.parametrize(
    "workers",
    [
        [],
        [worker("dns-0", a=True, b=False)],
        [worker("dns-0", a=False), worker("dns-1", a=True)],
        [worker("dns-0", a=True), SILENT_DNS],
        [worker("dns-0", a=True), worker("gate-0")],
    ],
)
def test_a_box_serves_where_one_worker_of_each_role_answers_and_has_an_upstream(workers: list[dict[str, Any]]) -> None:
    assert unfit(workers) == []


@pytest.mark.parametrize(
    ("workers", "why"),
    [
        ([worker("dns-0", a=False, b=False)], "dns: no upstream answers (a, b); "),
        ([worker("dns-0", a=False), SILENT_DNS], "dns: no upstream answers (a); "),
        ([SILENT_DNS], "dns: no worker answers; clients get no answers; "),
        ([worker("dns-0", a=True), SILENT_GATE], "gate: no worker answers; gate.when_dead decides "),
    ],
)
def test_a_box_that_cannot_serve_says_why_and_what_to_do(workers: list[dict[str, Any]], why: str) -> None:
    (said,) = unfit(workers)

    assert said.startswith(why)
    assert "; check" in said or "; see" in said


def test_a_worker_without_upstreams_is_not_cut_off() -> None:
    assert not is_cut_off(worker("gate-0"))
    assert answers(worker("gate-0")) and not answers(SILENT_GATE)
