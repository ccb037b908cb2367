"""Rules by age, to begin with: what most families want of a child of that age, which each of them can change.

No preset is a list of the only sites that open: such a list is switched off within a week.  A preset sets the kinds of
sites, safe search and YouTube; a family's services and own names, and what closes packets, stay as they are.

Invariants: an older band closes a part of what a younger one closes, and filters no search more strictly.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from parental.people.levels import PACKETS
from parental.policy.profile import NO_SAFE_SEARCH, SAFE_SEARCH, Profile
from rules.base.category import CATEGORIES

LEAST = "adult"
HARM = frozenset(
    {
        *("adult", "nudify", "gambling", "drugs", "self-harm", "bypass"),
        *("malware", "phishing", "scam"),
    }
)
TEENS = HARM | {"alcohol", "dating", "hate", "piracy", "violence", "weapons"}
SCHOOL = TEENS | {"ai-chat", "classifieds", "file-sharing", "social"}
SMALL = SCHOOL | {"messaging", "shopping"}


@dataclass(frozen=True, slots=True)
class Preset:
    """closed  kinds of sites;   safe_search, youtube  of parental.policy.profile.SAFE_SEARCH"""

    closed: frozenset[str]
    safe_search: str
    youtube: str

    def applied(self, before: Profile) -> Profile:
        """The rules with the preset's in the place of their own."""
        kept = before.blocked_categories - (CATEGORIES.keys() - set(PACKETS))
        closed = kept | self.closed
        return replace(before, blocked_categories=closed, safe_search=self.safe_search, youtube=self.youtube)

    def added(self, before: Profile) -> Profile:
        """The rules with the preset's on top of them: nothing opens."""
        return replace(
            before,
            blocked_categories=before.blocked_categories | self.closed,
            safe_search=max(before.safe_search, self.safe_search, key=SAFE_SEARCH.index),
            youtube=max(before.youtube, self.youtube, key=SAFE_SEARCH.index),
        )


PRESETS: Mapping[str, Preset] = {  # the ages, both included
    "0-6": Preset(SMALL | {"advertising"}, "strict", "strict"),
    "7-9": Preset(SMALL, "strict", "strict"),
    "10-12": Preset(SCHOOL, "strict", "strict"),
    "13-15": Preset(TEENS, "strict", "moderate"),
    "16-17": Preset(HARM, "moderate", NO_SAFE_SEARCH),
}


def ages_offered(closable: Collection[str]) -> tuple[str, ...]:
    """The ages that can be chosen: none where no list of adult sites is in force, which all of them close first.

    closable  of mgmt.web.family.filter_state"""
    return tuple(PRESETS) if LEAST in closable else ()


def kinds_closed(ages: str, closable: Collection[str]) -> list[str]:
    """The kinds of sites that an age really closes."""
    return [kind for kind in CATEGORIES if kind in PRESETS[ages].closed and kind in closable]


def ages_of(age: int) -> str | None:
    """The preset of an age; None: of an adult."""
    return next((ages for ages in PRESETS if age <= int(ages.partition("-")[2])), None)


def preset_of(profile: Profile) -> str | None:
    """The preset that the rules are; None: they are a family's own."""
    return next((ages for ages, preset in PRESETS.items() if preset.applied(profile) == profile), None)
