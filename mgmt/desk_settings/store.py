"""What the desk has said of the pages, in the database: a row for each change, the newest of a name counts.

Invariants: no row is changed or removed; each has its event in the ledger, in the same transaction, with what pages
show before and afterwards: who reads the ledger sees which number has become which.
"""

import hashlib
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, Row, func, insert, select

from mgmt.desk_settings.checks import check
from mgmt.desk_settings.precedence import desk_over_file, values_of
from mgmt.desk_settings.shapes import NAMES, DeskSettings
from mgmt.errors import BadRequest
from mgmt.ledger.event import SETTINGS, Actor, Event, Value
from mgmt.ledger.store import append
from mgmt.settings import Settings
from mgmt.splash.canned import check_pages
from parental.schema.settings import desk_settings

MAX_SHOWN = 4000  # characters of a value in an event: of twelve helplines some 2,000; two of them fit in any event


def change(conn: Connection, of_file: Settings, said: DeskSettings, by: Actor, at: datetime) -> list[str]:
    """Store what is said and differs; returns its names.   Raises BadRequest: nothing is stored.

    of_file  the settings of the configuration
    Cost: each page of the gate is made once, some 0.1 s, so that none is too long for it."""
    check(said, _today(of_file, at))
    known, shown = newest_rows(conn), values_of(desk_over_file(of_file, said_by_desk(conn)))
    wanted = {name: _text(value) for name in NAMES if (value := getattr(said, name)) is not msgspec.UNSET}
    changed = [name for name, text in wanted.items() if text != _text_of(known.get(name))]
    for name in changed:
        before, of_file_alone = _text(shown[name]), _text(values_of(of_file)[name])
        _put(conn, name, wanted[name], (before, wanted[name] or of_file_alone), by, at)
    if changed:
        try:
            check_pages(desk_over_file(of_file, said_by_desk(conn)))
        except ValueError as reason:
            raise BadRequest("/", str(reason)) from reason
    return changed


def newest_rows(conn: Connection) -> dict[str, Row[Any]]:
    """The last row of each name; a value of None is the configuration's again."""
    last = select(func.max(desk_settings.c.id)).group_by(desk_settings.c.name)
    found = conn.execute(select(desk_settings).where(desk_settings.c.id.in_(last)).order_by(desk_settings.c.name))
    return {row.name: row for row in found}


def newest_number(conn: Connection) -> int:
    """The number of the last change; 0: none."""
    return int(conn.execute(select(func.coalesce(func.max(desk_settings.c.id), 0))).scalar_one())


def said_by_desk(conn: Connection) -> DeskSettings:
    """What counts now.   Raises msgspec.ValidationError for a row of another release."""
    return read_said({name: row.value for name, row in newest_rows(conn).items() if row.value is not None})


def read_said(texts: Mapping[str, str]) -> DeskSettings:
    """Values as JSON, by name."""
    return msgspec.convert({name: msgspec.json.decode(text) for name, text in texts.items()}, DeskSettings)


def _put(
    conn: Connection, name: str, text: str | None, shown: tuple[str | None, str | None], by: Actor, at: datetime
) -> None:
    """text  None: the configuration's again;   shown  what pages show before and afterwards: everybody may read it"""
    digest = None if text is None else hashlib.sha256(text.encode()).hexdigest()
    before, after = (None if each is None else each[:MAX_SHOWN] for each in shown)
    said: dict[str, Value] = {"sha256": digest, "before": before, "after": after}
    event = append(conn, Event(SETTINGS, "pages changed", by, {"setting": name}, said), at)
    who = {"by_kind": by.kind, "by_name": by.name}
    conn.execute(insert(desk_settings).values(name=name, value=text, set_s=int(at.timestamp()), event=event, **who))


def _text(value: object) -> str | None:
    return None if value is None else msgspec.json.encode(value, order="sorted").decode()


def _text_of(row: Row[Any] | None) -> str | None:
    return None if row is None else row.value


def _today(of_file: Settings, at: datetime) -> date:
    return at.astimezone(ZoneInfo(of_file.zone)).date()
