"""What the documents say exists: commands and targets."""

import argparse
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from docs.generate import pages, sources
from docs.manual_page import commands_of
from fastpath.report.counter_table import NAMES
from filterd import __version__
from filterd.cli import COMMANDS, parser_for
from filterd.verbs import examples_of
from rules.lists import catalogue

CODE = re.compile(r"```.*?\n(.*?)```|`([^`\n]+)`", re.DOTALL)
MAKE = re.compile(r"(?:^|[;&|]\s*|\$ |# |sudo )make ((?:[a-z]+ ?)+)", re.MULTILINE)
FILTERD = re.compile(r"(?:^|[;&|]\s*|\$ |# |sudo |bin/)filterd ([a-z][a-z-]+)", re.MULTILINE)
SHELL = re.compile(r"^ *```sh\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
FILTERD_LINE = re.compile(r"(?:^\s*|[;&|]\s*|\$ |-- |bin/|\()filterd ([a-z][^|;&#>)\n]*)", re.MULTILINE)
DATE = r"\d{4}-\d\d-\d\d"

Files = Callable[..., list[Path]]


def code_of(text: str) -> str:
    """What stands in code blocks and code spans, one a line."""
    return "\n".join(block or span for block, span in CODE.findall(text))


def command_lines_of(text: str) -> list[str]:
    """The arguments of every `filterd` that is run in a page's blocks of shell."""
    return FILTERD_LINE.findall("\n".join(SHELL.findall(text)).replace("\\\n", " "))


def is_taken(parser: argparse.ArgumentParser, line: str) -> bool:
    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            parser.parse_args(shlex.split(line))
    except SystemExit:
        return False
    return True


@pytest.fixture(scope="session")
def manual_pages(root: Path, files: Files) -> dict[str, str]:
    return {str(path): (root / path).read_text() for path in files(".md") if path.parts[0] != "tests"}


@pytest.fixture(scope="session")
def manual(manual_pages: dict[str, str]) -> str:
    return "\n".join(map(code_of, manual_pages.values()))


def test_every_make_target_that_is_written_about_exists(root: Path, manual: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(), re.MULTILINE))

    assert {name for line in MAKE.findall(manual) for name in line.split()} - targets == set()


def test_every_make_target_is_one_line_in_the_help(root: Path) -> None:
    lines = (root / "Makefile").read_text().splitlines()
    targets = {line.split(":")[0] for line in lines if re.match(r"[a-z]+:", line)}

    told = {line.split(":")[0] for line in lines if re.match(r"[a-z]+:.*## \S", line)}

    assert told == targets - {"packages", "again"}


def test_every_command_that_is_written_about_exists(manual: str) -> None:
    assert set(FILTERD.findall(manual)) - set(COMMANDS) == set()


def test_every_command_line_of_a_page_is_taken_by_the_command_line_parser(manual_pages: dict[str, str]) -> None:
    parser = parser_for(COMMANDS)
    lines = [(page, line) for page, text in manual_pages.items() for line in command_lines_of(text)]

    assert len(lines) > 100
    assert [f"{page}: {line}" for page, line in lines if not is_taken(parser, line)] == []


def test_a_command_line_with_a_verb_or_an_option_that_does_not_exist_is_found() -> None:
    text = (
        "```sh\n/opt/filterd/bin/filterd db update  # comment\nfilterd status | head\nfilterd run --role \\\n  dns\n```"
    )
    lines = command_lines_of(text)

    assert lines == ["db update  ", "status ", "run --role    dns"]
    assert [is_taken(parser_for(COMMANDS), line) for line in lines] == [False, True, True]


def test_the_generated_pages_say_what_the_code_says(root: Path) -> None:
    written = {name: (root / "docs" / name).read_text() for name in pages()}

    assert written == pages()


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
def test_the_manual_page_is_one(root: Path) -> None:
    lint = ["mandoc", "-T", "lint", "-W", "warning", str(root / "docs/filterd.1")]
    told = subprocess.run(lint, capture_output=True, text=True, check=False).stdout

    # it is as new as the build that it comes with, which has no date
    assert [fault for fault in told.splitlines() if "missing date" not in fault] == []


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
def test_the_manual_page_shows_every_verb_and_its_example_as_it_is_typed(root: Path) -> None:
    shown = ["mandoc", "-T", "utf8", "-O", "width=300", str(root / "docs/filterd.1")]
    text = re.sub(r".\x08", "", subprocess.run(shown, capture_output=True, text=True, check=True).stdout)

    for parser in (
        verb for command in commands_of(parser_for(COMMANDS)).values() for verb in commands_of(command).values()
    ):
        assert parser.prog in text
        assert [line for line in examples_of(parser) if line not in text] == []


def test_the_generated_sources_say_what_their_tables_say(root: Path) -> None:
    written = {name: (root / name).read_text() for name in sources()}

    assert written == sources()


def test_every_counter_has_one_entry_on_its_page() -> None:
    assert sorted(re.findall(r"^### (\S+)$", pages()["reference/counters.md"], re.MULTILINE)) == sorted(NAMES)


def test_the_example_configuration_has_every_key(root: Path) -> None:
    example = (root / "docs/filterd.example.yaml").read_text()
    paths = re.findall(r"^\| `/(\S+)` \|", pages()["reference/configuration.md"], re.MULTILINE)
    keys = {part for path in paths for part in path.split("/")} - {"N"}

    assert {key for key in keys if not re.search(rf"\b{key}:", example)} == {"allow_public_suffix"}


def test_the_changelog_begins_with_the_version_of_the_program_and_only_that_one_may_have_no_date(root: Path) -> None:
    headings = re.findall(r"^## .*$", (root / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert re.fullmatch(rf"## \[{re.escape(__version__)}\] - (Unreleased|{DATE})", headings[0])
    assert [each for each in headings[1:] if not re.fullmatch(rf"## \[\d+\.\d+\.\d+\] - {DATE}", each)] == []


def test_code_is_taken_from_blocks_and_spans() -> None:
    assert code_of("a `make x` b\n```sh\nfilterd run\n```\nmake y") == "make x\nfilterd run\n"


def test_every_source_of_the_catalogue_is_in_the_manual(root: Path) -> None:
    told = (root / "docs/desk/list-sources.md").read_text()

    assert [name for name, each in catalogue.sources().items() if "url" in each.entry and f"`{name}`" not in told] == []


@pytest.mark.parametrize(("name", "match", "least"), [("doh-servers", "subtree", 51), ("ech-outer-names", "exact", 3)])
def test_every_line_of_a_list_that_we_give_is_a_rule_of_its_own(
    root: Path, tmp_path: Path, name: str, match: str, least: int
) -> None:
    path = root / f"rules/catalogue/{name}.txt"
    names = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    source = f"{path},match={match},tier=category,category=bypass"
    told = subprocess.run(
        [sys.executable, "-m", "filterd", "compile", source, "-o", tmp_path, "--json"],
        capture_output=True,
        cwd=root,
        check=True,
        text=True,
    ).stdout

    report = json.loads(told)
    assert report["names"] == report["enforceability"]["enforced"] == len(names) >= least
    assert report["folded"] == report["skipped"] == 0
