import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from support.mgmt.desk import Clock, PlayedControl
from support.mgmt.phone import Phone, add_child

from mgmt.registers.settings.page_settings import Settings
from mgmt.web.family import filter_state
from mgmt.web.family.filter_state import FILTER, FilterCondition, Look, closable_of, found_in, look
from parental.people.levels import PACKETS

WORKER = {"ok": True, "name": "dns-0", "generations": {}, "refused": None}
SILENT = {"name": "gate-0", "generations": {}, "refused": "no answer in 10 s", "counters": {}}
WORKS, PART = "✅ Filter working, checked 9:00 pm", "A part of the filter is not working, checked 9:00 pm"
NO_ANSWER, NOT_CHECKED = "The filter gives no answer, asked 9:00 pm", "has not been checked in the last minutes"


@pytest.mark.parametrize(
    ("status", "found"),
    [
        ({"workers": [WORKER, WORKER], "faults": {"lists": "old"}, "self_tests": {"iwf": True}}, FilterCondition.ON),
        ({"workers": [WORKER]}, FilterCondition.ON),
        ({"workers": [WORKER, SILENT]}, FilterCondition.PART),
        ({"workers": [WORKER | {"refused": "names-812.img: checksum differs"}]}, FilterCondition.PART),
        ({"workers": []}, FilterCondition.PART),
        ({}, FilterCondition.PART),
        ({"workers": [WORKER], "faults": {"locks": "nft: refused"}}, FilterCondition.PART),
        ({"workers": [WORKER], "faults": {"box: offload": "what flowtables take, no one reads"}}, FilterCondition.PART),
        ({"workers": [WORKER], "faults": {"box: reverse paths": "strict at eth0"}}, FilterCondition.ON),
        ({"workers": [WORKER], "self_tests": {"iwf": True, "own": False}}, FilterCondition.PART),
    ],
)
def test_the_filter_works_where_all_workers_serve_the_kernel_has_the_locks_and_lists_close_their_own_tests(
    status: dict[str, Any], found: FilterCondition
) -> None:
    assert found_in(status) is found


async def test_home_and_the_childrens_page_say_that_the_filter_works_when_it_was_looked_at_and_what_that_is_not(
    parent: Phone, engine: Engine
) -> None:
    add_child(engine)
    await look(parent.app)

    for where in ("", "/children"):
        said = await parent.words(where)
        assert WORKS in said and "It does not see mobile data, other networks, or what a VPN carries" in said
        assert "فلٹر کام کر رہا ہے" in await parent.words(where, "lang=ur")


async def test_a_worker_that_is_silent_and_a_control_that_is_away_are_told_and_never_called_working(
    parent: Phone, control: PlayedControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> dict[str, Any]:
        return {"workers": [WORKER, SILENT]}

    control.fails = "control: no answer"
    await look(parent.app)
    assert NO_ANSWER in await parent.words() and "Filter working" not in await parent.words()

    monkeypatch.setattr(control, "status", broken)
    await look(parent.app)
    assert PART in await parent.words() and "Some of what you have closed may be open" in await parent.words()
    assert "Filter working" not in await parent.words()


async def test_a_control_that_is_away_or_of_an_earlier_version_leaves_the_kinds_that_it_said_last(
    parent: Phone, control: PlayedControl, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def of_an_earlier_version() -> dict[str, Any]:
        return {"workers": [WORKER]}

    parent.app[FILTER].last = Look()
    assert closable_of(parent.app) == settings.closable
    control.kinds = ["adult"]
    await look(parent.app)
    assert closable_of(parent.app) == {"adult", *PACKETS}

    control.fails = "control: no answer"
    await look(parent.app)
    assert closable_of(parent.app) == {"adult", *PACKETS}
    monkeypatch.setattr(control, "status", of_an_earlier_version)
    await look(parent.app)
    assert closable_of(parent.app) == {"adult", *PACKETS}


async def test_what_was_not_looked_at_for_minutes_is_not_called_working_nor_where_the_clock_was_set_back(
    parent: Phone, clock: Clock
) -> None:
    parent.app[FILTER].last = Look()
    assert NOT_CHECKED in await parent.words()
    for away in (timedelta(minutes=6), timedelta(minutes=-6)):
        parent.app[FILTER].last = Look(FilterCondition.ON, clock() - away)
        said = await parent.words()
        assert NOT_CHECKED in said and "Filter working" not in said and "newest rules" not in said


async def test_it_is_looked_at_while_the_pages_run(parent: Phone) -> None:
    for _ in range(6000):
        if parent.app[FILTER].last.found is FilterCondition.ON:
            return
        await asyncio.sleep(0.01)
    pytest.fail("waited a minute in vain for a look")


async def test_a_look_that_fails_as_no_one_foresaw_is_logged_and_counted_and_the_next_one_comes_all_the_same(
    parent: Phone, control: PlayedControl, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answers = [{"workers": 7}, {"workers": [WORKER], "faults": 7}, {"workers": [WORKER]}]
    found, enough = list[FilterCondition](), asyncio.Event()

    async def next_answer() -> Any:
        found.append(parent.app[FILTER].last.found)
        if len(found) == 4:
            enough.set()
        return answers.pop(0) if len(answers) > 1 else answers[0]

    monkeypatch.setattr(control, "status", next_answer)
    monkeypatch.setattr(filter_state, "LOOK_S", 0.0)
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(filter_state._look_on(parent.app)), loop.create_task(enough.wait())]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()

    assert (
        found[1:4] == [FilterCondition.UNKNOWN, FilterCondition.UNKNOWN, FilterCondition.ON]
        and parent.app[FILTER].n_failed == 2
    )
    assert "look 2 at the filter that failed" in caplog.text and "TypeError" in caplog.text
