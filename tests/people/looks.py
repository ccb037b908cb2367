"""What is measured of a page on a phone."""

from typing import Any

from people.conftest import SHOTS

FOLD = 640  # px of a cheap phone that show without a scroll
TAP = 48  # px that a finger needs
HEIGHT = "e => [e.innerText, e.getBoundingClientRect().height]"
FONT = "e => [getComputedStyle(e).fontSize, getComputedStyle(e).lineHeight]"
LINES = """e => [
  e.innerText, e.getBoundingClientRect().height / parseFloat(getComputedStyle(e.parentElement).lineHeight)
]"""
IS_SHOWN = "e => e.checkVisibility()"


def press(page: Any, selector: str) -> None:
    """Click what leads to another page, and wait for that page."""
    with page.expect_navigation():
        page.click(selector)


def shown(page: Any, selector: str) -> list[Any]:
    return [each for each in page.query_selector_all(selector) if each.evaluate(IS_SHOWN)]


def measured(page: Any, selector: str, what: str) -> list[Any]:
    """What a function in JavaScript says of each that is shown; the browser is asked once for all of them."""
    found: list[Any] = page.eval_on_selector_all(selector, f"all => all.filter({IS_SHOWN}).map({what})")
    return found


def check_layout(page: Any, language: str) -> None:
    """Nothing is wider than the phone, a helpline is above the fold, targets are large, Urdu has room."""
    assert page.evaluate("document.documentElement.scrollWidth") <= 360, "wider than the phone"
    bottoms = measured(page, 'a[href^="tel:"]', "e => e.getBoundingClientRect().bottom")
    assert bottoms and min(bottoms) <= FOLD
    for text, height in measured(page, "button, .tile, .tile a, .help, header a", HEIGHT):
        assert height >= TAP, text
    for size, height in measured(page, "section p, body[lang] p", FONT):
        assert float(size[:-2]) >= 18
        assert language == "en" or float(height[:-2]) >= 2 * float(size[:-2])
    for text, lines in measured(page, "bdi bdi, bdi:not(.long)", LINES):
        assert lines < 2, text


def check_axe(page: Any, axe: str) -> None:
    page.evaluate(axe)
    found = page.evaluate("axe.run()")
    told = [(rule["id"], [node["html"][:120] for node in rule["nodes"]]) for rule in found["violations"]]
    assert told == []


def check_language(page: Any, language: str) -> None:
    """The section of the reader's language shows, and no other one."""
    assert measured(page, "section", "e => e.getAttribute('lang')") == [language]


def shoot(page: Any, name: str) -> None:
    """Keep how it looks in build/shots."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(SHOTS / f"{name}.png"), full_page=True)
