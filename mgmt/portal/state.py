"""The child's line in words and one icon, in both languages."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from mgmt.language import isolate
from parental.profile import lock_reason, next_lock_change
from parental.schedule import DAY_WORDS, Interval, end_text, minute_text
from parental.subscriber import Subscriber

DAYS_UR = ("پیر", "منگل", "بدھ", "جمعرات", "جمعہ", "ہفتہ", "اتوار")
ICONS = {"default": "✅", "pause": "⏸", "schedule": "🌙"}
# (with a time, without one) by language and reason
WORDS = {
    "en": {
        "default": ("Open until {}", "Open"),
        "pause": ("Paused until {}", "Paused"),
        "schedule": ("Closed until {}", "Closed"),
    },
    "ur": {
        "default": ("{} بجے تک کھلا ہے", "کھلا ہے"),
        "pause": ("{} بجے تک رُکا ہوا ہے", "رُکا ہوا ہے"),
        "schedule": ("{} بجے تک بند ہے", "بند ہے"),
    },
}


@dataclass(frozen=True, slots=True)
class State:
    """What the card says.   reason  'default' (open), 'pause' or 'schedule'."""

    reason: str
    icon: str
    words: Markup
    hours: tuple[Markup, ...]


def state_of(subscriber: Subscriber, now: datetime, language: str) -> State:
    """The card of a subscriber at `now`."""
    profile = subscriber.profile
    reason = lock_reason(profile, now).name.lower()
    change = next_lock_change(profile, now)
    with_time, without = WORDS[language][reason]
    zone = ZoneInfo(profile.schedule.zone)
    words = (
        without if change is None else with_time.format(_when(now.astimezone(zone), change.astimezone(zone), language))
    )
    hours = tuple(_hours(interval, language) for interval in profile.schedule.intervals)
    return State(reason, ICONS[reason], isolate(words), hours)


def receipt_words(receipt: dict[str, Any], language: str) -> Markup:
    """'closed 21:00:03': what the last tap has done, and when the last worker said so."""
    at = datetime.fromisoformat(receipt["at"]).strftime("%H:%M:%S")
    if receipt["did"] == "pause":
        said = f"closed {at}" if language == "en" else f"{at} پر بند ہوا"
    else:
        said = f"pause ended {at}" if language == "en" else f"{at} پر وقفہ ختم ہوا"
    ended = receipt.get("connections_ended")
    if ended is not None and receipt["did"] == "pause":
        said += f", {ended} live connections ended" if language == "en" else f"، {ended} کنکشن بند ہوئے"
    return isolate(said)


def _when(now: datetime, at: datetime, language: str) -> str:
    clock = at.strftime("%H:%M")
    if at - now < timedelta(days=1):
        return clock
    return f"{DAY_WORDS[at.weekday()]} {clock}" if language == "en" else f"{DAYS_UR[at.weekday()]} {clock}"


def _hours(interval: Interval, language: str) -> Markup:
    start, end = minute_text(interval.start_minute), end_text(interval)
    if language == "en":
        return isolate(f"{DAY_WORDS[interval.weekday]}: closed from {start} to {end}")
    return isolate(f"{DAYS_UR[interval.weekday]}: {start} سے {end} تک بند")
