"""The numbers of a mark: a kernel keeps them while the gate is replaced by a newer one."""

import itertools
import re
from dataclasses import replace

import pytest
from support.gate.full_rules import FULL

from fastpath.gate.marks import (
    MARK_ASK,
    MARK_ASKED,
    MARK_BITS,
    MARK_DROPPED,
    MARK_QUEUED,
    MARK_REPLY,
    MARK_SHIFT,
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
        "OPENED": 10,
    }


def test_no_bit_of_a_mark_ever_changes_its_place() -> None:
    states = (MARK_STATE, MARK_DROPPED, MARK_SHIFT)
    bits = (MARK_REPLY, MARK_UNTRACKED, MARK_VERDICT, MARK_QUEUED)

    assert states == (0x0F, 7, 24)
    assert bits == (0x10, 0x20, 0x40, 0x80)
    assert (MARK_ASK, MARK_ASKED, MARK_SYN) == (0x20, 0x10, 0x20)  # of a verdict, and twice of a connection


def test_the_parts_of_a_mark_do_not_overlap() -> None:
    parts = [MARK_STATE, MARK_REPLY, MARK_UNTRACKED, MARK_VERDICT, MARK_QUEUED]
    assert sum(parts) == MARK_BITS
    assert all(one & other == 0 for one, other in itertools.combinations(parts, 2))
    assert MARK_DROPPED not in list(FlowState)
    assert all(value & MARK_STATE == value for value in (*FlowState, MARK_DROPPED))


def test_no_connection_s_mark_is_a_verdict_on_a_packet_that_it_is_copied_to() -> None:
    assert (MARK_STATE | MARK_ASKED | MARK_SYN) & MARK_VERDICT == 0
    written = re.findall(r"ct mark set ct mark (?:& 0x\w+ )?\| 0x(\w+)", ruleset(replace(FULL, mark_shift=0)))
    assert written
    assert all(int(bits, 16) & MARK_VERDICT == 0 for bits in written)


@pytest.mark.parametrize("state", [*FlowState][1:], ids=lambda state: state.name)
def test_the_kernel_keeps_every_state_that_a_verdict_can_give(state: FlowState) -> None:
    kept = re.findall(r"ct mark set ct mark & 0xfffffff0 \| (0x\w)", ruleset(replace(FULL, mark_shift=0)))

    assert f"{state:#x}" in kept


def test_a_packet_that_is_dropped_alone_leaves_no_state() -> None:
    rules = ruleset(replace(FULL, mark_shift=0))
    [judged] = re.findall(r"meta mark & 0xf vmap \{([^}]*?)\n    \}", rules, re.DOTALL)

    assert f"{MARK_DROPPED:#x} : drop" in judged


@pytest.mark.parametrize("shift", [0, 8, 11, 24])
@pytest.mark.parametrize("is_asymmetric", [False, True])
def test_no_rule_reads_or_changes_a_bit_of_a_mark_that_is_not_ours(shift: int, is_asymmetric: bool) -> None:
    ours = MARK_BITS << shift
    rules = ruleset(replace(FULL, mark_shift=shift, is_asymmetric=is_asymmetric))
    number = r"0x\w+"

    written = re.findall(rf"(ct|meta) mark set (ct|meta) mark(?: & ({number}))?(?: \| ({number}))?", rules)
    assert len(written) == rules.count("mark set")
    for to, source, kept, added in written:
        assert to == source, "a mark keeps its other bits only where it comes from itself"
        assert int(kept or "0xffffffff", 16) | ours == 0xFFFFFFFF
        assert int(added or "0", 16) & ~ours == 0
    read = re.findall(r"(?:ct|meta) mark (?!set)(.*?) (?:==|!=|vmap|{)", rules)
    assert read
    assert all(int(re.fullmatch(rf"& ({number})", mask)[1], 16) & ~ours == 0 for mask in read)  # type: ignore[index]
