import re
from enum import IntEnum
from pathlib import Path

import pytest

from fastpath.images.verdict import Action, Channel, GateCategory, Mode, Reason, Tier
from rules.base.category import NUMBERS

PXD = Path(__file__).parents[3] / "fastpath/images/verdict.pxd"
PREFIXES = {Action: "", Reason: "R_", Tier: "T_", Mode: "M_", Channel: "C_", GateCategory: "CATEGORY_"}


@pytest.mark.parametrize("enum", PREFIXES)
def test_python_has_every_member_that_c_has(enum: type[IntEnum]) -> None:
    text = PXD.read_text()
    _, _, block = text.partition(f"cdef enum:  # {enum.__name__}\n")
    in_c = {
        name.removeprefix(PREFIXES[enum]): int(value)
        for name, value in re.findall(r"^    (\w+) = (\d+)\b", block.partition("\n\n")[0], re.MULTILINE)
        if not name.startswith("N_")
    }

    assert {member.name: member.value for member in enum} == in_c


@pytest.mark.parametrize("enum", PREFIXES)
def test_the_stub_has_every_member(enum: type[IntEnum]) -> None:
    _, _, block = PXD.with_suffix(".pyi").read_text().partition(f"class {enum.__name__}(IntEnum):\n")

    assert re.findall(r"^    (\w+) = ", block.partition("\n\n")[0], re.MULTILINE) == list(enum.__members__)


def test_the_categories_of_the_gate_are_those_of_lists() -> None:
    assert {member.name.lower(): member.value for member in GateCategory}.items() <= NUMBERS.items()


def test_the_tiers_rank_as_the_specification_orders_them() -> None:
    own = [Tier.LOCK, Tier.GRANT, Tier.ALLOWED, Tier.DENIED]
    ranked = [Tier.CSAM, Tier.ORDER, Tier.HELP, *own, Tier.SERVICE, Tier.CATEGORY, Tier.SECURITY, Tier.DEFAULT]

    assert ranked == sorted(Tier)


def test_stored_numbers_never_change() -> None:
    assert [int(member) for member in Action] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 255]
    assert [int(member) for member in Reason] == list(range(11))
    assert [int(member) for member in Mode] == [1, 2, 3]
    assert [int(member) for member in Channel] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("reason", [Reason.CSAM, Reason.ORDER, Reason.HELP])
def test_a_reason_of_the_first_tiers_has_the_number_of_its_tier(reason: Reason) -> None:
    """decide() takes one for the other, so that it takes as long for each."""
    assert reason.value == Tier[reason.name].value
