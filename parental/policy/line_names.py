"""Names of lines: how a network access server calls a line, as User-Name or Calling-Station-Id.

Invariants: a name is of one line; a line whose names change is stamped as changed, and so is one that gets another
profile, so that "whose profile has changed since revision R" is asked of rows; names that were taken away are counted,
as no row is left of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, or_, select

from parental.policy.held import BATCH
from parental.policy.profiles import touch, touch_all
from parental.store.errors import BadSubscriber, NoSubscriber
from parental.store.revision import LOST_NAMES, REVISION, current_revision, raise_revision
from parental.store.schema.lines import line_names, lines, profiles

MOST_OCTETS = 253  # of an attribute, RFC 2865 §5


class ProfilesByName(NamedTuple):
    """Profiles by name, as of a revision; a name that no line has is missing.

    lost  another number than before: names were taken away"""

    profiles: dict[str, int]
    revision: int
    lost: int


@dataclass(slots=True)
class NameTally:
    """What became of names.   new: of no line before;   moved: of another one;   lacking: lines that do not exist"""

    new: int = 0
    moved: int = 0
    same: int = 0
    lacking: set[int] = field(default_factory=set)


def why_no_name(name: str) -> str:
    """Why no NAS can call a line so; "": one can."""
    octets = len(name.encode("utf-8", "surrogatepass"))
    if 0 < octets <= MOST_OCTETS and name.isprintable():
        return ""
    return f"no name of a line; not taken; write 1 to {MOST_OCTETS} octets on one line"


def give_names(conn: Connection, wanted: Mapping[str, int]) -> NameTally:
    """Give lines many names at once; what parents wish is neither read nor written.   wanted: name → line

    Where lines are lacking, the transaction is to be rolled back.   Cost: 11 us a name, 4 us one that is as it was."""
    given, names = NameTally(), list(wanted)
    for begin in range(0, len(names), BATCH):
        _give_some(conn, {name: wanted[name] for name in names[begin : begin + BATCH]}, given)
    return given


def _give_some(conn: Connection, wanted: Mapping[str, int], given: NameTally) -> None:
    there = select(line_names.c.name, line_names.c.line).where(line_names.c.name.in_(wanted))
    before = {row.name: row.line for row in conn.execute(there)}
    changed = {name: line for name, line in wanted.items() if before.get(name) != line}
    chosen = select(lines.c.id, lines.c.profile).where(lines.c.id.in_(set(changed.values())))
    turned = {row.id: row.profile for row in conn.execute(chosen)}  # line → the profile that holds there
    given.lacking |= set(changed.values()) - turned.keys()
    given.same += len(wanted) - len(changed)
    given.moved += len(changed.keys() & before.keys())
    given.new += len(changed.keys() - before.keys())
    if not changed or given.lacking:
        return
    conn.execute(delete(line_names).where(line_names.c.name.in_(changed.keys() & before.keys())))
    conn.execute(insert(line_names), [{"name": name, "line": line} for name, line in changed.items()])
    touch_all(conn, set(turned.values()), raise_revision(conn, REVISION))


def put_name(conn: Connection, name: str, line: int) -> None:
    """Give a line a name, which another one loses.   Raises BadSubscriber, NoSubscriber"""
    if why := why_no_name(name):
        raise BadSubscriber(f"name: {name[:20]!r} is {why}")
    row = conn.execute(select(lines.c.profile).where(lines.c.id == line)).first()
    if row is None:
        raise NoSubscriber(f"subscriber {line}: does not exist; not named; see the list of subscribers")
    conn.execute(delete(line_names).where(line_names.c.name == name))
    conn.execute(insert(line_names).values(name=name, line=line))
    touch(conn, row.profile)


def drop_name(conn: Connection, name: str) -> bool:
    """Take a name from its line; whether it had one.   Sessions that live keep what they have until they end."""
    had_one = bool(conn.execute(delete(line_names).where(line_names.c.name == name)).rowcount)
    if had_one:
        raise_revision(conn, LOST_NAMES)
    return had_one


def names_of(conn: Connection, line: int) -> list[str]:
    """The names of a line."""
    found = select(line_names.c.name).where(line_names.c.line == line).order_by(line_names.c.name)
    return list(conn.execute(found).scalars())


def find_profiles(conn: Connection, names: Iterable[str], since_revision: int, at_most: int) -> ProfilesByName:
    """The profiles of these names, and of those whose line changed after a revision.   conn  one transaction

    since_revision  negative: of none but `names`.   at_most  of the changed ones: then there are more, after the
    revision that is returned.   Cost: 15 us a name"""
    found = _profiles_of(conn, list(dict.fromkeys(names)))
    revision = current_revision(conn)
    if since_revision > revision:  # the database was put back from a copy
        since_revision = 0
    if 0 <= since_revision < revision:
        changed = _changed_since(conn, since_revision, at_most)
        found |= {name: profile for name, profile, _ in changed}
        if len(changed) == at_most:  # those of its last revision may be more, and come again
            first, last = changed[0][2], changed[-1][2]
            revision = max(first, last - 1)
    return ProfilesByName(found, revision, current_revision(conn, LOST_NAMES))


def _profiles_of(conn: Connection, names: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    rows = select(line_names.c.name, lines.c.profile).join(lines, lines.c.id == line_names.c.line)
    for begin in range(0, len(names), BATCH):
        some = rows.where(line_names.c.name.in_(names[begin : begin + BATCH]))
        found.update({row.name: row.profile for row in conn.execute(some)})
    return found


def _changed_since(conn: Connection, revision: int, at_most: int) -> list[tuple[str, int, int]]:
    """(name, profile, revision), the oldest first.

    A line that turned to another profile has stamped that one; its own, too, where it turned from it."""
    stamped = or_(profiles.c.id == lines.c.profile, profiles.c.id == lines.c.id)
    rows = select(line_names.c.name, lines.c.profile, profiles.c.revision)
    rows = rows.join(lines, lines.c.id == line_names.c.line).join(profiles, stamped)
    rows = rows.where(profiles.c.revision > revision).order_by(profiles.c.revision, line_names.c.name).limit(at_most)
    return [(row.name, row.profile, row.revision) for row in conn.execute(rows)]
