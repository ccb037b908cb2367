"""What one person cannot change of the pages: where people find help; and what two agree to of it, as a row has it.

Invariant: of these names a value counts by its approval alone, no matter who has written it to desk_settings.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, and_, exists, func, or_, select

from mgmt.staff.approvals.rules import UNREADABLE
from parental.store.schema.orders import approvals
from parental.store.schema.settings import desk_settings

# They have telephone numbers or addresses in them that people in need, or with a complaint, turn to.
HELD = ("isp", "helplines", "report_url", "complaints", "stop_page")
SETTINGS = "settings"  # the kind of these approvals
_CHANGED = "is of settings that have changed since it was proposed"


class SettingsAgreement(Struct, frozen=True, forbid_unknown_fields=True):
    """What is agreed to, by the names of settings.

    before, after   what pages show;   said  what the desk says then; None: as the configuration has it
    since           the number of the change by which the desk says what it says now; 0: it says nothing"""

    before: dict[str, Any]
    after: dict[str, Any]
    said: dict[str, Any]
    since: dict[str, int]

    def text_of(self, name: str) -> str | None:
        """The value of a name, as desk_settings has it."""
        value = self.said[name]
        return None if value is None else json_of(value)


class SettingChange(NamedTuple):
    """What the desk has said of a name.

    value     JSON; None: as the configuration has it again
    settings  of its approval; None: none exists, or it is not given"""

    id: int
    name: str
    value: str | None
    set_s: int
    by_name: str
    event: int
    settings: str | None


def json_of(value: object) -> str:
    """A value as rows and events have it."""
    return msgspec.json.encode(value, order="sorted").decode()


def agreed_in(settings: str | None) -> SettingsAgreement:
    """Raises msgspec.DecodeError for what no approval of settings holds."""
    return msgspec.json.decode(settings or "", type=SettingsAgreement)


def names_in(settings: str | None) -> str:
    """The names that an approval changes, for people; of what cannot be read, none."""
    try:
        return ", ".join(sorted(agreed_in(settings).said))
    except msgspec.DecodeError:
        return ""


def lines_of(settings: str | None) -> list[tuple[str, str, str]]:
    """What pages show, for people: name, before, after; of what cannot be read, nothing."""
    try:
        agreed = agreed_in(settings)
        return [(name, _plain(agreed.before[name]), _plain(agreed.after[name])) for name in sorted(agreed.said)]
    except (msgspec.DecodeError, KeyError):
        return []


def newest_changes(conn: Connection) -> dict[str, SettingChange]:
    """The last change of each name that counts; a value of None is the configuration's again."""
    last = select(func.max(desk_settings.c.id)).group_by(desk_settings.c.name)
    is_given = and_(approvals.c.id == desk_settings.c.approval, approvals.c.approved_s.is_not(None))
    of_desk = (desk_settings.c[name] for name in SettingChange._fields[:-1])
    chosen = select(*of_desk, approvals.c.settings).outerjoin(approvals, is_given)
    chosen = chosen.where(or_(desk_settings.c.id.in_(last), desk_settings.c.approval.is_not(None)))
    changes = map(SettingChange._make, conn.execute(chosen.order_by(desk_settings.c.id)))
    found = {change.name: change for change in changes if change.name not in HELD or _is_agreed(change)}
    return dict(sorted(found.items()))


def why_changed(conn: Connection, settings: str | None) -> str | None:
    """Why nothing could come of an approval of settings any more; None: the desk says of them what it said then."""
    try:
        since = agreed_in(settings).since
    except msgspec.DecodeError:
        return UNREADABLE
    known = newest_changes(conn)
    return None if all(number == since_of(known, name) for name, number in since.items()) else _CHANGED


def is_put(conn: Connection, approval: int) -> bool:
    """Whether control has put an approval in force."""
    return bool(conn.execute(select(exists().where(desk_settings.c.approval == approval))).scalar_one())


def since_of(known: Mapping[str, SettingChange], name: str) -> int:
    """The number of the change that counts.   known  of newest_changes"""
    return known[name].id if name in known else 0


def _plain(value: object) -> str:
    """Without what is missing: someone compares two of them."""
    if isinstance(value, list):
        return "; ".join(_plain(each) for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items() if each is not None)
    return "nothing" if value is None else str(value)


def _is_agreed(change: SettingChange) -> bool:
    """Whether the change is the one of its approval."""
    try:
        return agreed_in(change.settings).text_of(change.name) == change.value
    except (msgspec.DecodeError, KeyError):
        return False
