"""Households' names that have more labels than an image has room for.

Invariants: they are refused where they are said, and left out of images where a database holds one all the same, so
that one row does not stop what all others have changed.
"""

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, func, select

from fastpath.images.layout import Limit
from parental.store.schema.lines import household_names

_NAME = household_names.c.name
_HAS_NO_ROOM = func.length(_NAME) - func.length(func.replace(_NAME, ".", "")) >= int(Limit.HOUSEHOLD_LABELS)


def fits(name: str) -> bool:
    """Whether an image has room for a canonical name."""
    return name.count(".") < Limit.HOUSEHOLD_LABELS


def has_long_names(names: Iterable[str]) -> bool:
    """Whether one of a profile's names is left out."""
    return not all(map(fits, names))


def with_long_names(conn: Connection, among: Collection[int] | None = None) -> list[int]:
    """The profiles of which a name is left out, rising.   among  None: of all there are

    Cost: one look at the names of those"""
    chosen = select(household_names.c.profile).where(_HAS_NO_ROOM).distinct()
    if among is not None:
        chosen = chosen.where(household_names.c.profile.in_(sorted(among)))
    return list(conn.execute(chosen.order_by(household_names.c.profile)).scalars())
