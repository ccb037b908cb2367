import asyncio

import pytest

from mgmt.contract.control import ClosureReason, ControlFailure, Report, RequestStatus, ScreenTimeStart, TicketOutcome
from mgmt.web.splash import recent_answers
from mgmt.web.splash.recent_answers import KEPT_S, RecentAnswers

CHILD, OTHER = "192.0.2.7", "192.0.2.8"


class Played:
    """A control that counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.is_dead = False

    async def why_closed(self, name: str | None, address: str) -> ClosureReason:
        self.asked.append((address, name))
        if self.is_dead:
            raise ControlFailure("dead")
        return ClosureReason("pause" if address == CHILD else "none", None, None)

    async def probed(self, questions: int) -> None:
        raise NotImplementedError

    async def report_mistake(self, reason: str, name: str | None) -> Report | None:
        raise NotImplementedError

    async def find_report(self, reference: str) -> Report | None:
        raise NotImplementedError

    async def appeal(self, sealed: bytes) -> str | None:
        raise NotImplementedError

    async def ask_family(self, minutes: int | None, name: str | None, why: str, address: str) -> RequestStatus:
        raise NotImplementedError

    async def use_ticket(self, code: str, address: str) -> TicketOutcome:
        raise NotImplementedError

    async def begin_time(self, address: str) -> ScreenTimeStart:
        raise NotImplementedError


@pytest.fixture
def control() -> Played:
    return Played()


@pytest.fixture
def recent(control: Played) -> RecentAnswers:
    return RecentAnswers(control)


def ask(recent: RecentAnswers, now_s: float, address: str = CHILD, name: str | None = "a.test") -> str:
    return asyncio.run(recent.why_closed(name, address, now_s)).reason


def test_a_device_that_asks_all_the_time_asks_control_once_a_second(control: Played, recent: RecentAnswers) -> None:
    assert {ask(recent, 100.0 + n / 2000) for n in range(4000)} == {"pause"}
    assert len(control.asked) == 2


def test_another_address_or_name_gets_its_own_answer(control: Played, recent: RecentAnswers) -> None:
    assert [ask(recent, 1.0), ask(recent, 1.0, OTHER), ask(recent, 1.0, name=None)] == ["pause", "none", "pause"]
    assert control.asked == [(CHILD, "a.test"), (OTHER, "a.test"), (CHILD, None)]


def test_that_control_failed_is_never_kept(control: Played, recent: RecentAnswers) -> None:
    control.is_dead = True
    with pytest.raises(ControlFailure):
        ask(recent, 1.0)
    control.is_dead = False

    assert ask(recent, 1.0) == "pause"


def test_an_answer_is_forgotten_after_its_time(control: Played, recent: RecentAnswers) -> None:
    ask(recent, 1.0)
    ask(recent, 1.0 + KEPT_S)

    assert len(control.asked) == 2


def test_no_number_of_devices_makes_it_large(
    control: Played, recent: RecentAnswers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent_answers, "MAX_KEPT", 3)
    for n in range(5):
        ask(recent, 1.0, f"192.0.2.{n}")
    control.asked.clear()

    ask(recent, 1.0, "192.0.2.4")
    ask(recent, 1.0, "192.0.2.0")

    assert [address for address, _ in control.asked] == ["192.0.2.0"]
