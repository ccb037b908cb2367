"""What the desk has said of the pages, in the database: a row for each change, the newest of a name that counts.

Invariants: no row is changed or removed; each has its event in the ledger, in the same transaction, with what pages
show before and afterwards: who reads the ledger sees which number has become which.  Where people find help, one
person changes nothing (mgmt.registers.settings.agreement): control writes it, as two have agreed.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, Row, func, insert, select

from mgmt.contract.errors import BadRequest
from mgmt.ledger.event import SETTINGS, Actor, Event, Value
from mgmt.ledger.store import append
from mgmt.registers.settings.agreement import HELD, SettingChange, SettingsAgreement, json_of, newest_changes
from mgmt.registers.settings.checks import check
from mgmt.registers.settings.page_settings import Settings
from mgmt.registers.settings.precedence import desk_over_file, values_of
from mgmt.registers.settings.shapes import NAMES, DeskSettings
from parental.store.schema.settings import desk_settings

CheckPages = Callable[[Settings], None]

MAX_SHOWN = 4000  # characters of a value in an event: of twelve helplines some 2,000; two of them fit in any event


class NotAlone(Exception):
    """Two persons change this; nothing is stored.   names  of it"""

    def __init__(self, names: list[str]) -> None:
        super().__init__(f"two persons change this: {', '.join(names)}")
        self.names = names


def change(
    conn: Connection,
    of_file: Settings,
    said: DeskSettings,
    by: Actor,
    at: datetime,
    check_pages: CheckPages,
) -> list[str]:
    """Store what is said and differs; returns its names.   Raises BadRequest, NotAlone: nothing is stored.

    of_file      the settings of the configuration
    check_pages  raises ValueError where a page of the gate does not fit (mgmt.web.splash.canned)"""
    changed = changes(conn, of_file, said, at, check_pages)
    if held := [name for name in changed if name in HELD]:
        raise NotAlone(held)
    before = values_of(desk_over_file(of_file, said_by_desk(conn)))
    after = values_of(desk_over_file(of_file, said_with(conn, changed)))
    for name, text in changed.items():
        _put(conn, name, text, {"before": shown_text(before[name]), "after": shown_text(after[name])}, (by, None), at)
    return list(changed)


def changes(
    conn: Connection, of_file: Settings, said: DeskSettings, at: datetime, check_pages: CheckPages
) -> dict[str, str | None]:
    """What differs of what is said: values as JSON, by name; None: as the configuration has it.

    Raises BadRequest for what no page can show.   Cost: each page of the gate is made once, some 0.1 s, so that none is
    too long for it."""
    check(said, _today(of_file, at))
    known = newest_changes(conn)
    wanted = {name: _text(value) for name in NAMES if (value := getattr(said, name)) is not msgspec.UNSET}
    changed = {name: text for name, text in wanted.items() if text != _text_of(known.get(name))}
    if changed:
        try:
            check_pages(desk_over_file(of_file, said_with(conn, changed)))
        except ValueError as reason:
            raise BadRequest("/", str(reason)) from reason
    return changed


def put_agreed(
    conn: Connection, agreed: SettingsAgreement, approval: Row[Any], by: tuple[Actor, Actor], at: datetime
) -> None:
    """Store what two persons have agreed to.   conn  of control;   by  the second person, and the first"""
    for name in agreed.said:
        shown: dict[str, Value] = {"before": shown_text(agreed.before[name]), "after": shown_text(agreed.after[name])}
        _put(conn, name, agreed.text_of(name), shown | {"approval": approval.id}, by, at, approval)


def said_by_desk(conn: Connection) -> DeskSettings:
    """What counts now.   Raises msgspec.ValidationError for a row of another release."""
    return said_with(conn, {})


def said_with(conn: Connection, changed: Mapping[str, str | None]) -> DeskSettings:
    """What would count with some changes.   Raises msgspec.ValidationError for a row of another release."""
    texts = {name: each.value for name, each in newest_changes(conn).items()} | dict(changed)
    return read_said({name: text for name, text in texts.items() if text is not None})


def newest_number(conn: Connection) -> int:
    """The number of the last change; 0: none."""
    return int(conn.execute(select(func.coalesce(func.max(desk_settings.c.id), 0))).scalar_one())


def read_said(texts: Mapping[str, str]) -> DeskSettings:
    """Values as JSON, by name."""
    return msgspec.convert({name: msgspec.json.decode(text) for name, text in texts.items()}, DeskSettings)


def shown_text(value: object) -> Value:
    """What an event says of what pages show."""
    return None if value is None else json_of(value)[:MAX_SHOWN]


def _put(
    conn: Connection,
    name: str,
    text: str | None,
    shown: Mapping[str, Value],
    by: tuple[Actor, Actor | None],
    at: datetime,
    approval: Row[Any] | None = None,
) -> None:
    """text  None: the configuration's again;   shown  what pages show before and afterwards: everyone may read it"""
    digest = None if text is None else hashlib.sha256(text.encode()).hexdigest()
    first, second = by
    said = {"sha256": digest, **shown}
    event = append(conn, Event(SETTINGS, "pages changed", first, {"setting": name}, said, second), at)
    row = {"name": name, "value": text, "set_s": int(at.timestamp()), "event": event, "by_kind": first.kind}
    if approval is None:
        row |= {"by_name": first.name}
    else:
        row |= {"by_name": f"{approval.proposer} and {approval.approver}", "approval": approval.id}
    conn.execute(insert(desk_settings).values(row))


def _text(value: object) -> str | None:
    return None if value is None else json_of(value)


def _text_of(change: SettingChange | None) -> str | None:
    return None if change is None else change.value


def _today(of_file: Settings, at: datetime) -> date:
    return at.astimezone(ZoneInfo(of_file.zone)).date()
