"""A phone of 360 × 640 with Debian's Chromium, in the reader's language, light or dark, with or without JavaScript."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from people.desk_site import DeskSite, desk_site
from people.served import Served, served

CHROMIUM = shutil.which("chromium")
PHONE = {"width": 360, "height": 640}
WIDE = {"width": 1280, "height": 800}
LOCALES = {"en": "en-GB", "ur": "ur-PK"}
SHOTS = Path("build/shots")

OpenPhone = Callable[..., Any]
OpenDesk = Callable[..., Any]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("pages")) as running:
        yield running


@contextmanager
def chromium(rules: str) -> Iterator[Any]:
    """Debian's Chromium, or the test is skipped with what it lacks.   rules  which names lead where"""
    sync_api = pytest.importorskip("playwright.sync_api", reason="no Playwright: `make people` installs it")
    if CHROMIUM is None:
        pytest.skip("no chromium here: make people installs Debian's")
    options = ["--no-sandbox", f"--host-resolver-rules={rules}"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def browser(site: Served) -> Iterator[Any]:
    with chromium(site.rules) as browser:
        yield browser


@contextmanager
def contexts(browser: Any) -> Iterator[Callable[..., Any]]:
    """How an empty page of a new person is opened; all are closed at the end."""
    with ExitStack() as stack:

        def opened(**options: Any) -> Any:
            context = browser.new_context(**options)
            stack.callback(context.close)
            context.set_default_timeout(60_000)
            return context.new_page()

        yield opened


@pytest.fixture
def phone(browser: Any) -> Iterator[OpenPhone]:
    """phone("ur", "dark", has_script=False) is an empty page of a new phone."""
    with contexts(browser) as opened:

        def open_phone(language: str, scheme: str = "light", *, has_script: bool = True) -> Any:
            return opened(
                viewport=PHONE,
                is_mobile=True,
                has_touch=True,
                device_scale_factor=1.5,
                locale=LOCALES[language],
                color_scheme=scheme,
                java_script_enabled=has_script,
            )

        yield open_phone


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core."""
    package = pytest.importorskip("axe_playwright_python", reason="no axe-core: `make people` installs it")
    return (Path(package.__file__).parent / "axe.min.js").read_text()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskSite]:
    with desk_site(tmp_path_factory.mktemp("desk")) as running:
        yield running


@pytest.fixture(scope="module")
def desk_browser(desk: DeskSite) -> Iterator[Any]:
    with chromium(desk.rules) as browser:
        yield browser


@pytest.fixture
def open_desk(desk_browser: Any) -> Iterator[OpenDesk]:
    """open_desk("dark", WIDE, has_script=False) is an empty page of a browser that nobody has used."""
    with contexts(desk_browser) as opened:

        def make(scheme: str = "light", size: dict[str, int] = PHONE, *, has_script: bool = True) -> Any:
            return opened(viewport=size, color_scheme=scheme, java_script_enabled=has_script)

        yield make
