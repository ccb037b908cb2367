"""A value that may be absent by its type, and is there in this test."""

from typing import TypeVar

T = TypeVar("T")


def present(found: T | None) -> T:
    """`found`, which must be there."""
    assert found is not None
    return found
