"""What is measured of a page on a phone."""

from typing import Any

from people.conftest import SHOTS

FOLD = 640  # px of a cheap phone that show without a scroll
TAP = 48  # px that a finger needs
LINES = "e => e.getBoundingClientRect().height / parseFloat(getComputedStyle(e.parentElement).lineHeight)"
IS_SHOWN = "e => e.checkVisibility()"


def press(page: Any, selector: str) -> None:
    """Click what leads to another page, and wait for that page."""
    with page.expect_navigation():
        page.click(selector)


def shown(page: Any, selector: str) -> list[Any]:
    return [each for each in page.query_selector_all(selector) if each.evaluate(IS_SHOWN)]


def check_layout(page: Any, language: str) -> None:
    """Nothing is wider than the phone, a helpline is above the fold, targets are large, Urdu has room."""
    assert page.evaluate("document.documentElement.scrollWidth") <= 360, "wider than the phone"
    boxes = [each.bounding_box() for each in shown(page, 'a[href^="tel:"]')]
    assert boxes and min(box["y"] + box["height"] for box in boxes) <= FOLD
    for each in shown(page, "button, .tile, .tile a, .help, header a"):
        assert each.bounding_box()["height"] >= TAP, each.inner_text()
    for each in shown(page, "section p, body[lang] p"):
        size, height = each.evaluate("e => [getComputedStyle(e).fontSize, getComputedStyle(e).lineHeight]")
        assert float(size[:-2]) >= 18
        assert language == "en" or float(height[:-2]) >= 2 * float(size[:-2])
    for each in shown(page, "bdi bdi, bdi:not(.long)"):
        assert each.evaluate(LINES) < 2, each.inner_text()


def check_axe(page: Any, axe: str) -> None:
    page.evaluate(axe)
    found = page.evaluate("axe.run()")
    told = [(rule["id"], [node["html"][:120] for node in rule["nodes"]]) for rule in found["violations"]]
    assert told == []


def check_language(page: Any, language: str) -> None:
    """The section of the reader's language shows, and no other one."""
    assert [each.get_attribute("lang") for each in shown(page, "section")] == [language]


def shoot(page: Any, name: str) -> None:
    """Keep how it looks in build/shots."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(SHOTS / f"{name}.png"), full_page=True)
