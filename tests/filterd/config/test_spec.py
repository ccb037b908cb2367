import dataclasses
from typing import Any

from filterd.config import kinds
from filterd.config.spec import GATE, MAX_ITEMS, Spec, many, one, part, parts, several


def spec_of(field: Any) -> Any:
    return field.metadata["spec"]


def test_a_field_says_how_it_is_read_once_or_as_a_sequence_of_so_many() -> None:
    assert spec_of(one(kinds.host, GATE, default=None)) == Spec(kinds.host, None, False, 0, 1, GATE)
    assert spec_of(many(kinds.host, 1)) == Spec(kinds.host, None, True, 1, MAX_ITEMS, None)
    assert spec_of(several(kinds.host, 7)).at_most == 7
    assert spec_of(part(Spec)).shape is Spec
    assert parts(Spec, 3, default=(1,)).default == (1,)


def test_without_a_default_a_field_must_be_given() -> None:
    assert one(kinds.host).default is dataclasses.MISSING
