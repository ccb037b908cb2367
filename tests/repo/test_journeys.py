"""The page of journeys names modules and functions that exist, each journey in the code of its own planes."""

import ast
import re
from pathlib import Path

import pytest

PAGE = Path("docs/internals/journeys.md")
JOURNEYS = ("packet", "query", "list", "tap on *Pause*", "session", "order", "block record")
LINK = re.compile(r"\[`([^`\]]+)`\]\(([^)]+)\)")
FUNCTION = re.compile(r"`(?:\w+\.)?(\w+)\(\)`")
CODE = re.compile(r"`([\w/]+\.(?:pyx|py))`")


@pytest.fixture(scope="module")
def journeys(root: Path) -> dict[str, str]:
    """The text of each journey, by its heading."""
    parts = re.split(r"^## (?:A|An) (.*)\n", (root / PAGE).read_text(), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def functions_of(path: Path) -> set[str]:
    """The functions and methods that a module defines."""
    text = path.read_text()
    if path.suffix == ".pyx":
        return set(re.findall(r"^\s*(?:cp?def|def)\b[^\n(=]*?(\w+)\(", text, re.MULTILINE))
    return {node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def modules_of(root: Path, text: str) -> list[Path]:
    return [(root / PAGE.parent / target).resolve() for _, target in LINK.findall(text)]


def test_each_journey_is_there(journeys: dict[str, str]) -> None:
    assert tuple(journeys) == JOURNEYS


@pytest.mark.parametrize("journey", JOURNEYS)
def test_a_journey_links_the_modules_that_it_names(root: Path, journeys: dict[str, str], journey: str) -> None:
    links = LINK.findall(journeys[journey])

    assert len(links) >= 4
    assert [name for name, target in links if not target.endswith(name.rstrip("/"))] == []
    assert [path for path in modules_of(root, journeys[journey]) if not path.exists()] == []
    assert CODE.findall(LINK.sub("", journeys[journey])) == []


@pytest.mark.parametrize("journey", JOURNEYS)
def test_the_functions_that_a_journey_names_are_in_its_modules(
    root: Path, journeys: dict[str, str], journey: str
) -> None:
    defined = {each for path in modules_of(root, journeys[journey]) if path.is_file() for each in functions_of(path)}
    defined |= functions_of(root / "fastpath/images/policy.pyx")  # decide(), in which all end

    assert [name for name in FUNCTION.findall(journeys[journey]) if name not in defined] == []


@pytest.mark.parametrize("journey", JOURNEYS)
def test_the_steps_of_a_journey_are_numbered(journeys: dict[str, str], journey: str) -> None:
    numbers = list(map(int, re.findall(r"^(\d+)\. ", journeys[journey], re.MULTILINE)))

    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) >= 4
