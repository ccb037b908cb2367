"""The steps about people must fail where a record is missing or one too many, and where a download goes on."""

import json
from pathlib import Path

import pytest
from support.system.stage import dig_text, scripted_stage

from filterd.lab import steps_people
from filterd.lab.api_desk import MARK, Desk
from filterd.lab.stage import Stage, StepFailure, must_become

LISTED: dict[str, object] = {"channel": "dns", "reason": "order", "rule": "listed.test", "count": 2}
PAUSED: dict[str, object] = {"channel": "dns", "reason": "pause", "rule": None, "count": 1}
ALLOWED: dict[str, object] = {"channel": "sni", "reason": "order", "rule": "allowed.test", "count": 1}


def audit_stage(folder: Path, *records: dict[str, object]) -> Stage:
    """A stage that has seen two blocks, and an API that has these records."""

    def answer(_: str, __: object, stdin: str | None) -> str:
        if "format=csv" in (stdin or ""):
            rows = [f"{record['channel']},{record['reason']}" for record in records]
            return "\n".join(["channel,reason", *rows]) + MARK + "200"
        return "".join(json.dumps(record) + "\n" for record in records) + MARK + "200"

    stage = scripted_stage(folder, answer)
    stage.desks["auditor"] = Desk(stage.place, "an-auditor")
    stage.note("dns", "order", "listed.test")
    stage.note("dns", "pause", "")
    return stage


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps_people, "RECORDS_S", 0.05)


def test_records_of_exactly_the_blocks_pass(tmp_path: Path) -> None:
    told = steps_people.pull_records(audit_stage(tmp_path, LISTED, LISTED))

    assert told.startswith("2 records of 4 blocks, 1 kinds")


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([], "a record of every block"),
        ([LISTED, PAUSED], "no record of anything else"),  # what the household chose
        ([LISTED, ALLOWED], "no record of anything else"),
        ([LISTED, LISTED | {"channel": "sni"}], "no record of anything else"),
        ([LISTED, LISTED | {"order": "allowed.test"}], "no record of an allowed name"),
    ],
)
def test_a_record_missing_or_too_many_fails_the_step(
    tmp_path: Path, records: list[dict[str, object]], expected: str
) -> None:
    with pytest.raises(StepFailure, match=expected):
        steps_people.pull_records(audit_stage(tmp_path, *records))


class Stopped:
    """A download whose last octet came at `last_s`; `grows`: octets a look."""

    def __init__(self, last_s: float, grows: int = 0) -> None:
        self._last_s, self._grows, self._octets = last_s, grows, 1000

    def received(self) -> int:
        self._octets += self._grows
        return self._octets

    def wait_for_stop(self, silence_s: float) -> float:
        return self._last_s

    def wait_for(self, more_octets: int) -> float:
        if not self._grows:
            raise TimeoutError("more octets of a download: not within 10 s")
        return 0.1


@pytest.mark.parametrize(
    ("description", "four", "six", "adult", "passes"),
    [
        ("both stop in time", Stopped(100.1), Stopped(100.4), Stopped(0, 9), True),
        ("one goes on too long", Stopped(100.1), Stopped(102.5), Stopped(0, 9), False),
        ("one had ended long before", Stopped(90.0), Stopped(100.1), Stopped(0, 9), False),
        ("one begins again", Stopped(100.1), Stopped(100.1, 9), Stopped(0, 9), False),
        ("the adult is cut, too", Stopped(100.1), Stopped(100.1), Stopped(0), False),
    ],
)
def test_a_stop_is_within_two_seconds_for_the_child_alone(
    monkeypatch: pytest.MonkeyPatch, description: str, four: Stopped, six: Stopped, adult: Stopped, passes: bool
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)

    def see() -> str:
        return steps_people._see_stop((four, six), adult, 100.0)  # type: ignore[arg-type]

    if passes:
        assert "IPv4 +0.100 s, IPv6 +0.400 s" in see()
    else:
        with pytest.raises((StepFailure, TimeoutError)):
            see()


def test_an_order_that_does_not_take_hold_fails_the_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("filterd.lab.stage.LIMIT_S", 0.05)
    monkeypatch.setattr(must_become, "__defaults__", (0.05, 0.02))

    def answer(node: str, _: object, __: str | None) -> str:
        return '{"receipt": {"ms": 1}}' + MARK + "201" if node == "desk" else dig_text("order.test. 30 IN A 192.0.2.40")

    stage = scripted_stage(tmp_path, answer)
    stage.desks["regulator"] = Desk(stage.place, "a-regulator")

    with pytest.raises(StepFailure, match=r"order\.test blocked in DNS"):
        steps_people.push_order(stage)
    assert stage.seen == set()
