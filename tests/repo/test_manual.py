"""The manual as Sphinx builds it: whole, without another host, and its words are counted."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docs.count_words import word_counts

MOST_WORDS = 50_000  # of pages that are written by hand; lower it with them, never raise it
FETCHED = re.compile(r"""<(?:script|img|link|iframe|source)\b[^>]*\b(?:src|href)=["']((?:https?:)?//[^"']+)""")
FETCHED_BY_STYLE = re.compile(r"""(?:url\(|@import )\s*["']?((?:https?:)?//[^"')]+)""")


def build(root: Path, to: Path) -> subprocess.CompletedProcess[str]:
    """As `make docs` does."""
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-W",
        "--keep-going",
        "-n",
        "-c",
        root / "docs",
        root,
        to,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def built(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("manual")
    done = build(root, to)

    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    return to


def test_the_manual_is_built_without_a_warning_and_begins_with_its_first_page(built: Path) -> None:
    assert "url=docs/index.html" in (built / "index.html").read_text()
    assert (built / "docs/operate/operating.html").exists()


def test_the_built_manual_fetches_nothing_from_another_host(built: Path) -> None:
    pages, styles = built.rglob("*.html"), built.rglob("*.css")
    fetched = [(path, address) for path in pages for address in FETCHED.findall(path.read_text())]
    fetched += [(path, address) for path in styles for address in FETCHED_BY_STYLE.findall(path.read_text())]

    assert [f"{path.relative_to(built)}: {address}" for path, address in fetched] == []


def test_the_search_finds_words_without_a_server(built: Path) -> None:
    searched = (built / "search.html").read_text()

    assert 'src="searchindex.js"' in searched  # a script; a browser fetches no file for a page that is one
    assert "circumvent" in (built / "searchindex.js").read_text()


def test_a_broken_link_a_missing_heading_and_a_page_in_no_index_are_found(root: Path, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    shutil.copy(root / "docs/conf.py", docs)
    (tmp_path / "filterd").mkdir()
    shutil.copy(root / "filterd/__init__.py", tmp_path / "filterd")
    (docs / "index.md").write_text("# A\n\n[lists](lists.md) [no page](roles.md) [no heading](lists.md#nowhere)\n")
    (docs / "lists.md").write_text("# Lists\n")
    (docs / "orders.md").write_text("# Orders\n")

    done = build(tmp_path, tmp_path / "built")

    assert done.returncode == 1
    assert "cross-reference target not found: 'roles.md'" in done.stderr
    assert "'nowhere'" in done.stderr
    assert "docs/orders.md: WARNING: document isn't included in any toctree" in done.stderr


def test_without_the_builder_the_pages_are_written_and_a_sentence_says_how_to_get_it(
    root: Path, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\n[ "$1" = -c ] && exit 1\necho "$@"\n')
    python.chmod(0o755)

    command: list[str | Path] = ["make", "-s", "-C", root, "-o", "build", "docs", f"BIN={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 2  # of make; the recipe's is 3
    assert "docs/generate.py" in done.stdout
    assert "sphinx" not in done.stdout
    assert "docs: Sphinx, myst-parser or furo is missing; the generated pages are written" in done.stderr
    assert "install them: .ci/venv" in done.stderr


def test_the_manual_that_is_written_by_hand_does_not_grow() -> None:
    counts = word_counts()

    assert sum(counts.values()) <= MOST_WORDS
    assert "reference/semantics.md" in counts
    assert "reference/commands.md" not in counts
