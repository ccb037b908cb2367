"""Whether a name is open now, before a visitor is told so."""

import asyncio
from typing import Any, cast

import pytest

from mgmt.contract.control import Control, ControlFailure
from mgmt.web.kit import open_check
from mgmt.web.kit.open_check import refuse_closed
from mgmt.web.kit.problems import Problem

OPEN = {"action": "passthru", "reason": "default", "matches": []}
HELD = [{"list": "ads", "rule": "wrong.test", "mode": "subtree"}]


class Says:
    """Control, which says one thing."""

    def __init__(self, said: dict[str, Any] | Exception | None) -> None:
        self.said = said

    async def explain(self, name: str | None, address: str | None, channel: str) -> dict[str, Any]:
        assert (name, address, channel) == ("wrong.test", None, "dns")
        if self.said is None:
            await asyncio.Event().wait()
        if isinstance(self.said, Exception):
            raise self.said
        return self.said or {}


def control(said: dict[str, Any] | Exception | None) -> Control:
    return cast(Control, Says(said))


@pytest.mark.parametrize(
    "said",
    [
        OPEN,
        OPEN | {"reason": "help", "matches": HELD},  # the help corridor is before all lists
        OPEN | {"matches": HELD, "shadow": "ads"},  # a trial list blocks nothing
    ],
)
async def test_a_name_that_nothing_closes_is_open(said: dict[str, Any]) -> None:
    await refuse_closed(control(said), "WRONG.test")


@pytest.mark.parametrize(
    ("said", "status", "words"),
    [
        (
            {"action": "refused", "reason": "order", "order": 7, "issuer": "PTA"},
            409,
            "wrong.test: is still blocked, by law",
        ),
        ({"action": "splash", "reason": "security", "list": "malware"}, 409, "is still blocked, by list malware"),
        (OPEN | {"matches": HELD}, 409, "is still on list ads, blocked where it is chosen"),
        (ControlFailure("down"), 503, "control: down; not noted: whether it is open is not known"),
        (None, 503, "control: no answer"),
    ],
)
async def test_what_is_still_blocked_or_not_known_is_refused_without_an_order_or_its_issuer(
    said: dict[str, Any] | Exception | None, status: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_check, "PATIENCE_S", 0.01)
    with pytest.raises(Problem) as refused:
        await refuse_closed(control(said), "wrong.test")
    assert refused.value.status == status and words in refused.value.detail
    assert "PTA" not in refused.value.detail


@pytest.mark.parametrize(
    ("name", "words"), [(None, "keeps no name"), ("", "keeps no name"), ("a..b", "write a host name")]
)
async def test_without_a_name_nobody_can_say_that_it_is_open(name: str | None, words: str) -> None:
    with pytest.raises(Problem, match=words):
        await refuse_closed(control(OPEN), name)


async def test_of_what_the_law_had_closed_lists_that_households_choose_say_nothing() -> None:
    chosen = OPEN | {"matches": [{"list": "video", "rule": "wrong.test", "mode": "subtree"}]}

    await refuse_closed(control(chosen), "wrong.test", is_of_law=True)

    with pytest.raises(Problem, match="still on list video"):
        await refuse_closed(control(chosen), "wrong.test")
