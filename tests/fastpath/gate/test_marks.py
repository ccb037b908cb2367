"""The numbers of a mark: a kernel keeps them while the gate is replaced by a newer one."""

import itertools
import re

import pytest
from support.gate.full_rules import FULL

from fastpath.gate.marks import (
    MARK_ASK,
    MARK_ASKED,
    MARK_DROPPED,
    MARK_ISN_SHIFT,
    MARK_QUEUED,
    MARK_REPLY,
    MARK_STATE,
    MARK_SYN,
    MARK_UNTRACKED,
    MARK_VERDICT,
    FlowState,
)
from filterd.kernel.ruleset import ruleset


def test_no_state_ever_changes_its_number() -> None:
    assert {state.name: state.value for state in FlowState} == {
        "UNDECIDED": 0,
        "RELEASED": 1,
        "BLOCKED": 2,
        "ALLOWED": 3,
        "ALLOWED_SPOKEN": 4,
        "ANSWERED": 5,
        "PARTIAL": 6,
        "PARTIAL_AGAIN": 8,
        "PARTIAL_SPOKEN": 9,
    }


def test_no_bit_of_a_mark_ever_changes_its_place() -> None:
    states = (MARK_STATE, MARK_DROPPED, MARK_ISN_SHIFT)
    bits = (MARK_REPLY, MARK_UNTRACKED, MARK_VERDICT, MARK_QUEUED)

    assert states == (0x0F, 7, 8)
    assert bits == (0x10, 0x20, 0x40, 0x80)
    assert (MARK_ASK, MARK_ASKED, MARK_SYN) == (0x20, 0x40, 0x80)  # of a verdict, and twice of a connection


def test_the_parts_of_a_mark_do_not_overlap() -> None:
    parts = [MARK_STATE, MARK_REPLY, MARK_UNTRACKED, MARK_VERDICT, MARK_QUEUED]
    assert sum(parts) < 1 << MARK_ISN_SHIFT
    assert all(one & other == 0 for one, other in itertools.combinations(parts, 2))
    assert MARK_DROPPED not in list(FlowState)
    assert all(value & MARK_STATE == value for value in (*FlowState, MARK_DROPPED))


@pytest.mark.parametrize("state", [*FlowState][1:], ids=lambda state: state.name)
def test_the_kernel_keeps_every_state_that_a_verdict_can_give(state: FlowState) -> None:
    kept = re.findall(r"ct mark set ct mark & 0xfffffff0 \| (\d)", ruleset(FULL))

    assert str(state.value) in kept


def test_a_packet_that_is_dropped_alone_leaves_no_state() -> None:
    [judged] = re.findall(r"meta mark & 0xf vmap \{(.*?)\n    \}", ruleset(FULL), re.DOTALL)

    assert f"{MARK_DROPPED} : drop" in judged
