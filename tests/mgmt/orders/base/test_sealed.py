import pytest

from mgmt.contract.errors import BadRequest
from mgmt.orders.base.sealed import CHILD_ABUSE, ORDINARY, refuse_sealed


@pytest.mark.parametrize(
    "ground",
    [
        "PECA 22",
        "peca-22:csam",
        "PECA 2016, section 22",
        "PECA, 2016 s. 22",
        "Sec. 22 of the Act",
        "PECA s.22B",
        "CSAM",
        "CSEM takedown",
        "child sexual abuse material",
        "Child Abuse",
        "children's sexual exploitation",
        "بچوں سے جنسی زیادتی",
    ],
)
def test_a_ground_that_speaks_of_child_abuse_is_refused_without_quoting_it(ground: str) -> None:
    with pytest.raises(BadRequest, match="may stand nowhere in clear") as refusal:
        refuse_sealed(ORDINARY, ground=ground, ref="WA/1")

    assert refusal.value.where == "/ground"
    assert ground not in str(refusal.value)


def test_the_category_alone_is_enough() -> None:
    with pytest.raises(BadRequest) as refusal:
        refuse_sealed(CHILD_ABUSE, ground="letter")

    assert refusal.value.where == "/category"


@pytest.mark.parametrize(
    "ground",
    ["PECA 37", "peca-37:decency", "section 37(1)", "PECA 2022", "PTA-2026-22", "W.P. 22/2026", "section 220", "of 22"],
)
def test_another_ground_passes(ground: str) -> None:
    refuse_sealed(ORDINARY, ground=ground)
