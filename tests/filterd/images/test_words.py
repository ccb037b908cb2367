import pytest

from fastpath.images.verdict import Action, Channel, Reason, Tier
from filterd.images.words import word


@pytest.mark.parametrize(
    ("value", "expected"),
    [(Reason.SOFT_LOCK, "soft-lock"), (Action.TCP_ONLY, "tcp-only"), (Tier.CSAM, "csam"), (Channel.SNI, "sni")],
)
def test_a_value_is_written_in_lower_case_with_dashes(value: Action | Channel | Reason | Tier, expected: str) -> None:
    assert word(value) == expected
