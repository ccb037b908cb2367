"""What web makes of what control tells it of lists."""

from typing import Any

import pytest
from support.mgmt.desk import EARLIER, GOOD, OLDEST, PlayedControl
from support.present import present

from mgmt.contract.control import ControlFailure, Diff
from mgmt.registers.lists.versions import collateral_of, compared, earlier_of, find_list, kept_lists, rollback_of
from mgmt.staff.approvals.rules import ApprovalRefusal

control = PlayedControl()


async def test_a_list_has_its_versions_and_an_earlier_one_is_found_by_its_whole_digest() -> None:
    pta, iwf = await kept_lists(control)

    assert [each.version for each in (pta.good, *pta.older) if each] == [GOOD, EARLIER, OLDEST]
    assert (pta.older[0].by, present(iwf.held).why) == ("root", "it shrank")
    assert earlier_of(pta, EARLIER) is pta.older[0] and earlier_of(pta, GOOD) is None
    assert await find_list(control, "other") is None


async def test_a_rollback_says_what_it_opens_and_closes_and_of_a_sealed_list_counts_alone() -> None:
    pta, iwf = present(await find_list(control, "pta")), present(await find_list(control, "iwf"))

    wanted = await rollback_of(control, pta, GOOD, EARLIER, "why", "T-1")

    assert wanted.collateral == "opens 103, closes 3, of which rails stop 1"
    control.asked.clear()
    sealed = await rollback_of(control, iwf, GOOD, EARLIER, "why", "T-1")
    assert (sealed.collateral, control.asked) == ("50 rules in the place of 60", [])
    assert collateral_of(present(pta.good), pta.older[0], await compared(control, iwf, iwf.older[0])) != ""


@pytest.mark.parametrize(
    ("before", "to", "why"), [(EARLIER, OLDEST, f"{GOOD[:16]} is in force by now"), (GOOD, "d" * 64, "no earlier")]
)
async def test_what_is_not_there_any_more_is_not_proposed(before: str, to: str, why: str) -> None:
    with pytest.raises(ApprovalRefusal, match=why):
        await rollback_of(control, present(await find_list(control, "pta")), before, to, "why", "T-1")


async def test_what_control_says_in_another_shape_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def lists() -> list[dict[str, Any]]:
        return [{"list": 7}]

    async def diff(_list: str, _version: str) -> Diff:
        return Diff({"list": "pta"}, [])

    pta = present(await find_list(control, "pta"))
    monkeypatch.setattr(control, "list_versions", lists)
    monkeypatch.setattr(control, "list_diff", diff)

    with pytest.raises(ControlFailure, match="of lists"):
        await kept_lists(control)
    with pytest.raises(ControlFailure, match="of a comparison"):
        await compared(control, pta, pta.older[0])
