import pytest

from fastpath.images.verdict import Mode
from rules.base.canonical import canonical_wire
from rules.base.protected import ProtectedNames

BANK = ProtectedNames(["Bank.Example", "ntp.isp.example"])


@pytest.mark.parametrize(
    ("name", "mode", "is_hit"),
    [
        ("bank.example", Mode.EXACT, True),
        ("www.bank.example", Mode.EXACT, True),
        ("www.bank.example", Mode.SUBTREE, True),
        ("isp.example", Mode.SUBTREE, True),
        ("isp.example", Mode.BELOW, True),
        ("isp.example", Mode.EXACT, False),
        ("www.isp.example", Mode.SUBTREE, False),
        ("notbank.example", Mode.SUBTREE, False),
        ("example", Mode.SUBTREE, True),
    ],
)
def test_a_rule_hits_what_is_protected_below_it_and_around_it(name: str, mode: Mode, is_hit: bool) -> None:
    assert BANK.is_hit(canonical_wire(name), mode) is is_hit


def test_nothing_protected_is_hit_by_nothing() -> None:
    assert not ProtectedNames()
    assert not ProtectedNames().is_hit(canonical_wire("bank.example"), Mode.SUBTREE)
