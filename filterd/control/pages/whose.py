"""Whose a profile is, as control knows it: the household, and the child."""

from typing import NamedTuple

from sqlalchemy import Connection, select

from parental.store.schema.lines import profiles
from parental.store.schema.people import children


class HouseholdProfile(NamedTuple):
    """A profile with its account, and the child whose it is."""

    profile: int
    account: int
    child: int | None

    def about(self) -> dict[str, int]:
        """As the household's record has it."""
        return {"line": self.profile} if self.child is None else {"child": self.child}


def whose(conn: Connection, profile: int | None) -> HouseholdProfile | None:
    """Whose a profile is; None: no household's."""
    columns = profiles.c.id, profiles.c.account, children.c.id
    chosen = select(*columns).outerjoin(children, children.c.profile == profiles.c.id)
    row = conn.execute(chosen.where(profiles.c.id == profile)).one_or_none()
    return None if row is None else HouseholdProfile(*row)
