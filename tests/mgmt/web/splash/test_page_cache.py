from datetime import UTC, datetime, timedelta

import pytest

from mgmt.registers.settings.page_settings import Helpline, Settings
from mgmt.web.splash import page_cache
from mgmt.web.splash.page_cache import MAX_PAGES, PageCache
from mgmt.web.splash.pages import Facts, Form, page

NOW = datetime(2026, 8, 3, 12, 0, 20, tzinfo=UTC)


@pytest.fixture
def settings() -> Settings:
    return Settings(isp_name="Example ISP")


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Facts]:
    """The pages that were written, and not taken from the cache."""
    found: list[Facts] = []

    def write(facts: Facts, *rest: object) -> str:
        found.append(facts)
        return page(facts, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(page_cache, "page", write)
    return found


def form(token: str = "t") -> Form:
    return Form("/filterd/mistake", "post", {"token": token, "reason": "law"})


def test_the_page_of_the_law_is_written_once_a_minute_whatever_name_was_asked_for(
    settings: Settings, written: list[Facts]
) -> None:
    pages = PageCache(settings)

    texts = {pages.text(Facts("law", f"name-{n}.test"), "ur", NOW, form()) for n in range(5)}
    pages.text(Facts("law"), "ur", NOW + timedelta(minutes=1), form())

    assert len(texts) == 1
    assert len(written) == 2


def test_another_language_button_or_helpline_is_another_page(settings: Settings, written: list[Facts]) -> None:
    pages = PageCache(settings)
    told = [pages.text(Facts("law"), "ur", NOW, form()), pages.text(Facts("law"), "en", NOW, form())]
    told += [pages.text(Facts("law"), "ur", NOW, form("another")), pages.text(Facts("law"), "ur", NOW, None)]
    settings.helplines = (Helpline("15", "police", "پولیس"),)
    told.append(pages.text(Facts("law"), "ur", NOW, form()))

    assert len({*told}) == len(written) == 5


@pytest.mark.parametrize(
    "facts",
    [Facts("category", "adult.test", "adult"), Facts("none", "free.test"), Facts("pause", until=NOW)],
    ids=lambda facts: facts.reason,
)
def test_what_is_of_one_visitor_is_never_kept(settings: Settings, written: list[Facts], facts: Facts) -> None:
    pages = PageCache(settings)

    assert pages.text(facts, "ur", NOW, None) == pages.text(facts, "ur", NOW, None)
    assert written == [facts, facts]


def test_no_flood_of_buttons_makes_it_large(settings: Settings, written: list[Facts]) -> None:
    pages = PageCache(settings)

    for n in range(MAX_PAGES + 5):
        pages.text(Facts("law"), "ur", NOW, form(str(n)))

    assert len(pages._pages) == 5
    assert len(written) == MAX_PAGES + 5
