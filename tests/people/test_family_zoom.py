"""The family pages at twice the size: what a person with weak eyes sees on a phone of 360 px."""

from typing import Any

import pytest
from people.conftest import PHONE, OpenPhone
from people.parents import HOME, Parent
from people.served import Served

pytestmark = pytest.mark.people
TWICE = {"width": 180, "height": 320}
WIDER = """() => document.documentElement.scrollWidth <= 180 ? [] : [...document.querySelectorAll("body *")]
  .filter(each => each.getBoundingClientRect().right > 181 || each.getBoundingClientRect().left < -1)
  .map(each => `${each.tagName} ${each.className} ${each.textContent.slice(0, 30)}`)"""
OF_ALL = ("", "/children", "/days", "/mine", "/learn", "/help", "/people", "/changes", "/tickets", "/requests")


@pytest.mark.parametrize("language", ["en", "ur"])
def test_no_page_is_wider_than_the_phone_at_twice_the_size(phone: OpenPhone, site: Served, language: str) -> None:
    parent = Parent(phone(language), site, None)
    page = parent.page
    page.goto(HOME)
    found = {"login": _wider(page)}
    site.child_asks(parent.number)
    parent.sign_in()
    links = page.eval_on_selector_all("article a[href*='/family/']", "all => all.map(each => each.href)")
    hours = next(each for each in links if "/hours/" in each).partition("?")[0]
    cards = [f"{hours}/new/{kind}" for kind in ("sleep", "homework", "school", "prayer", "other")]
    for where in (*(HOME + each for each in OF_ALL), *links, *cards):
        page.goto(where)
        found[where] = _wider(page)
    page.goto(HOME)
    parent.tap("form[action*='/plus'] button")
    found["pin"] = _wider(page)

    assert {where: wider for where, wider in found.items() if wider} == {}


def _wider(page: Any) -> list[str]:
    """What makes a page too wide."""
    page.set_viewport_size(TWICE)
    found: list[str] = page.evaluate(WIDER)
    page.set_viewport_size(PHONE)
    return found
