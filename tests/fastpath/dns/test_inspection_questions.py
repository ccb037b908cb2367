"""Answers to another name than the one asked: those of a target that was looked up instead."""

import pytest
from support.dns.answers import answer
from support.images.opened import Images
from support.packets.shapes import canonical

from fastpath.dns.inspection import inspect
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action, Mode

NOW_S = 1_795_000_000


@pytest.fixture
def blocks(images: Images) -> TableSet:
    return TableSet(
        images.names([("csam", "csam.test", Mode.SUBTREE), ("orders", "order.test", Mode.SUBTREE, Action.NODATA, 7)])
    )


@pytest.mark.parametrize("target", ["cdn.order.test", "www.order.test", "a.csam.test"])
def test_an_answer_of_a_target_is_judged_as_what_its_name_is_and_not_as_its_own_question(
    blocks: TableSet, target: str
) -> None:
    octets = answer(target, "A", f"{target} 60 A 192.0.2.1")

    inspection = inspect(blocks, octets, None, NOW_S, asked=canonical("www.shop.test"))

    assert inspection.culprit == canonical(target)
    assert inspection.decision == blocks.decide(canonical(target), None, NOW_S)
    assert inspect(blocks, octets, None, NOW_S, asked=canonical(target)).culprit is None, "decide() has let it pass"


def test_a_question_that_is_no_name_is_refused(blocks: TableSet) -> None:
    with pytest.raises(ValueError, match="no name in wire form"):
        inspect(blocks, answer("www.shop.test"), None, NOW_S, asked=b"\x09www")
