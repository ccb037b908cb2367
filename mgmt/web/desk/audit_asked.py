"""What an auditor's form asks for.

Source: ISO 3166-2 (provinces).
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from mgmt.contract.shapes import LINE, MAX_NUMBER
from mgmt.registers.records.block_ledger import RecordQuery
from mgmt.web.api.audit import PROVINCE

CHANNELS = ("dns", "sni", "http", "quic", "lock", "address")
FIELDS = ("since", "until", "order", "list", "category", "channel", "province")
LONGEST_CHARACTERS = 200
CURSOR = re.compile(r"(\d{1,12})-(\d{1,15})")
YEARS = range(1971, 9999)  # in which each day has a begin in each zone
LAST_S = 253_402_300_799  # of the year 9999: of a later one there is no text
USUAL = timedelta(days=7)  # where no day is said: a page of a week is found fast


class BadForm(ValueError):
    """A form cannot be answered; the message says why."""


class Cursor(NamedTuple):
    """Where a page begins: at a second, after so many of its records, or (of a database) after this one."""

    time_s: int
    after: int

    def text(self) -> str:
        return f"{self.time_s}-{self.after}"


class AuditQuery(NamedTuple):
    """What is asked for.   first, last  local days, both in it"""

    first: date
    last: date
    wanted: RecordQuery

    @property
    def query(self) -> dict[str, str]:
        """The same, as a form sends it."""
        said = {name: str(value) for name, value in self.wanted.equal().items()}
        return {"since": self.first.isoformat(), "until": self.last.isoformat(), **said}


def asked_of(query: Mapping[str, str], zone: str, now: datetime) -> AuditQuery:
    """What the fields of a form say.   Raises BadForm"""
    said = {name: query.get(name, "").strip()[:LONGEST_CHARACTERS] for name in FIELDS}
    today = now.astimezone(ZoneInfo(zone)).date()
    last = _day(said["until"], "last day") or today
    first = _day(said["since"], "first day") or last - USUAL
    if first > last:
        raise BadForm("first day: after the last one; nothing was looked for; choose an earlier one")
    return AuditQuery(
        first, last, RecordQuery(_begin_s(first, zone), _begin_s(last + timedelta(days=1), zone), *_chosen(said))
    )


def cursor_of(text: str) -> Cursor | None:
    """Where a page begins; None: at the first record.   Raises BadForm"""
    if not text:
        return None
    found = CURSOR.fullmatch(text)
    if found is None or int(found[1]) > LAST_S:
        raise BadForm("place in the records: unknown; nothing was looked for; begin at the first page")
    return Cursor(int(found[1]), int(found[2]))


def utc_day(time_s: int) -> date:
    """The day (UTC) of a second."""
    return datetime.fromtimestamp(time_s, UTC).date()


# ----------------------------------------------------------------------------------------------------------------------


def _chosen(said: Mapping[str, str]) -> tuple[int | None, str | None, str | None, str | None, str | None]:
    order, channel, province = said["order"], said["channel"], said["province"]
    if order and not (order.isascii() and order.isdigit() and 0 < int(order) <= MAX_NUMBER):
        raise BadForm(f"order {order!r:.40}: no number; nothing was looked for; write it in digits")
    if channel and channel not in CHANNELS:
        raise BadForm(f"channel {channel!r:.40}: unknown; nothing was looked for; choose one of {', '.join(CHANNELS)}")
    if province and re.search(PROVINCE, province) is None:
        raise BadForm(f"province {province!r:.40}: no code; nothing was looked for; write PK-PB, or unknown")
    for name in ("list", "category"):
        if said[name] and re.search(LINE, said[name]) is None:
            raise BadForm(f"{name}: holds what no one can see; nothing was looked for; write it plainly")
    return (
        int(order) if order else None,
        said["list"] or None,
        said["category"] or None,
        channel or None,
        province or None,
    )


def _day(text: str, what: str) -> date | None:
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError as reason:
        raise BadForm(f"{what} {text!r:.40}: no day; nothing was looked for; write it as 2026-11-28") from reason
    if day is not None and day.year not in YEARS:
        raise BadForm(f"{what} {day}: too far; nothing was looked for; choose another one")
    return day


def _begin_s(day: date, zone: str) -> int:
    return int(datetime.combine(day, time(), ZoneInfo(zone)).timestamp())
