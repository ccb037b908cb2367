"""The child's line in words and one icon."""

from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from mgmt.text.language import Language
from parental.profile import lock_reason, next_lock_change
from parental.schedule import Interval
from parental.subscriber import Subscriber

ICONS = {"default": "✅", "pause": "⏸", "schedule": "🌙", "quota": "⏳"}
DAY_MINUTES = 1440


@dataclass(frozen=True, slots=True)
class State:
    """What the card says.   reason  a key of ICONS; 'default': open"""

    reason: str
    icon: str
    words: Markup
    hours: tuple[Markup, ...]


def state_of(subscriber: Subscriber, now: datetime, t: Language) -> State:
    """The card of a subscriber at `now`."""
    profile = subscriber.profile
    reason = lock_reason(profile, now).name.lower()
    change = next_lock_change(profile, now)
    zone = ZoneInfo(profile.schedule.zone)
    if change is None:
        words = t.say(f"family.state.{reason}")
    else:
        words = t.say(f"family.state.{reason}.until", time=t.moment(now.astimezone(zone), change.astimezone(zone)))
    hours = tuple(_hours(interval, t) for interval in profile.schedule.intervals)
    return State(reason, ICONS[reason], words, hours)


def receipt_words(receipt: dict[str, Any], t: Language) -> Markup:
    """'closed 9:00:03 pm': what the last tap has done, and when the last worker said so."""
    at = t.clock(datetime.fromisoformat(receipt["at"]), seconds=True)
    said = [t.say(f"family.receipt.{receipt['did']}", time=at)]
    ended = receipt.get("connections_ended")
    if ended is not None and receipt["did"] == "pause":
        said.append(t.say("family.receipt.cut", count=ended))
    return t.say("list.between").join(said)


def _hours(interval: Interval, t: Language) -> Markup:
    said = {
        "day": t.weekday(interval.weekday),
        "start": t.clock(_time(interval.start_minute)),
        "end": t.clock(_time(interval.start_minute + interval.minutes)),
    }
    if interval.allowed is None:
        return t.say("family.hours", **said)
    allowed = [t.say(f"category.{name}") for name in sorted(interval.allowed)] or [t.say("family.hours.nothing")]
    return t.say("family.hours.but", **said, open=t.say("list.between").join(allowed))


def _time(minute: int) -> time:
    """A minute of a day, or of the day after."""
    return time(*divmod(minute % DAY_MINUTES, 60))
