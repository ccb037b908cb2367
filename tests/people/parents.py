"""A mother with a phone, at the family pages."""

from itertools import count
from typing import Any

from people.looks import check_axe, check_layout, press, shoot
from people.served import Served

from mgmt.web.family.acts.taps import DEAF, TAPS

HOME = "http://family.isp.example/family"
MAX_LATER_VIEW = 20_000
OPENING = ("undo", *(did for did, tap in TAPS.items() if tap.loosens))
_numbers = count(3_001_000_000)


class Parent:
    """A mother with a phone.   n_taps  that she has made"""

    def __init__(
        self, page: Any, site: Served, axe: str | None, *, has_child: bool = True, role: str = "owner"
    ) -> None:
        self.page, self.site, self.axe = page, site, axe
        self.number = f"+92{next(_numbers)}"
        self.n_taps = 0
        site.household(self.number, has_child=has_child, role=role)

    def tap(self, selector: str) -> None:
        self.n_taps += 1
        if any(f"/{did}" in selector for did in OPENING):
            self.read()
        press(self.page, selector)

    def read(self) -> None:
        """See what the last tap has done."""
        self.site.clock.forward(seconds=DEAF.total_seconds())

    def sign_in(self) -> None:
        self.page.goto(HOME)
        self.page.fill("input[name=phone]", "0" + self.number[3:])
        self.tap("button.big")
        self.page.fill("input[name=code]", self.site.message_to(self.number))
        self.tap("button.big")

    def give_pin(self) -> None:
        """Type a first PIN, and keep it on this phone."""
        self.page.fill("input[name=pin]", "2468")
        self.page.fill("input[name=again]", "2468")
        self.page.check("input[name=alone]")

    def look(self, name: str, language: str, scheme: str) -> None:
        assert len(self.page.content().encode()) <= MAX_LATER_VIEW
        assert self.page.get_attribute("html", "lang") == language
        shoot(self.page, f"family-{name}.{language}.{scheme}")
        check_layout(self.page, language)
        if self.axe is not None:
            check_axe(self.page, self.axe)

    def says(self) -> str:
        return str(self.page.inner_text("main"))
