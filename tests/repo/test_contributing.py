"""What CONTRIBUTING.md names exists: a path from the root, and a bare name in a folder that its chapter names."""

import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

CODE = re.compile(r"^ *```.*?^ *```|`[^`\n]+`", re.MULTILINE | re.DOTALL)
WORD = re.compile(r"[^\s`'\"=(),;|$<>]+")
NAME_OF_FILE = re.compile(r"\.?[\w*-]+\.(?:py|pyx|pxd|pyi|md|yaml|toml|lock)|Makefile|\.[a-z]+(?:-[a-z]+)+")
EXAMPLE = re.compile(r"^Example to follow: `?(\w+)", re.MULTILINE)  # whose name stands for NAME in its checklist
PLACEHOLDER = re.compile(r"NAME|TARGET")
NOT_OURS = ("bench/history/", "build/", "dist/", ".venv/", "~/")  # what targets make, and what is the reader's own

Files = Callable[..., list[Path]]


def chapters_of(text: str) -> Iterator[str]:
    """The chapters; in a checklist the example's name stands for NAME, elsewhere any does."""
    for chapter in re.split(r"^(?=## )", text, flags=re.MULTILINE):
        example = EXAMPLE.search(chapter)
        yield PLACEHOLDER.sub(example[1] if example else "*", chapter)


def paths_in(chapter: str) -> list[str]:
    """The files and folders of the repository that a chapter names as code."""
    words = [word.rstrip(".:") for code in CODE.findall(chapter) for word in WORD.findall(code)]
    return [
        word.rstrip("/")
        for word in words
        if not word.startswith((*NOT_OURS, "/")) and ("/" in word or NAME_OF_FILE.fullmatch(word))
    ]


def absent_in(chapter: str, there: set[str]) -> list[str]:
    """The paths of a chapter that do not exist; a bare name may be that of a file next to another one."""
    named = paths_in(chapter)
    folders = {path if path in there and "." not in Path(path).name else str(Path(path).parent) for path in named}
    return [path for path in named if not any(_exists(place, there) for place in _places(path, folders))]


def _places(path: str, folders: set[str]) -> Iterator[str]:
    yield path
    if "/" not in path:
        yield from (f"{folder}/{path}" for folder in folders)


def _exists(path: str, there: set[str]) -> bool:
    return path in there or ("*" in path and any(fnmatchcase(each, path) for each in there))


@pytest.fixture(scope="module")
def there(files: Files) -> set[str]:
    return {str(each) for path in files() for each in (path, *path.parents)}


def test_every_file_and_folder_that_contributing_names_exists(root: Path, there: set[str]) -> None:
    chapters = list(chapters_of((root / "CONTRIBUTING.md").read_text()))

    assert sum(len(paths_in(chapter)) for chapter in chapters) > 80
    assert [f"{chapter.splitlines()[0]}: {path}" for chapter in chapters for path in absent_in(chapter, there)] == []


@pytest.mark.parametrize(
    ("text", "absent"),
    [
        ("`a/gone.py`, `acceptor.py`, `a/streams/acceptor.py`", ["a/gone.py"]),
        ("`streams/acceptor.py`, which is no path from the root", ["streams/acceptor.py"]),
        ("`acceptor.py`, of which no folder is named", ["acceptor.py"]),
        ("`a/streams/`, `acceptor.py`", []),
        (
            "`.ci/gone`, `.gone-attributes`, `.ci/run`, `.git-blame-ignore-revs`, `gone.yaml`",
            [".ci/gone", ".gone-attributes", "gone.yaml"],
        ),
        ("```sh\n.venv/bin/pytest tests/repo/test_gone.py -k x\n```", ["tests/repo/test_gone.py"]),
        (
            "Example to follow: devices.\n1. `api/NAME.py`, `api/gone_NAME.py`",
            ["api/gone_devices.py"],
        ),
        ("`corpus/TARGET/`, `build/x`, a `.py`, `.test`, `~/filterd.key`, a/gone.py", []),
    ],
)
def test_a_path_that_does_not_exist_is_found(text: str, absent: list[str]) -> None:
    there = {
        "a",
        "a/streams",
        "a/streams/acceptor.py",
        "api",
        "api/devices.py",
        "corpus/tls",
        ".ci/run",
        ".git-blame-ignore-revs",
    }

    assert [path for chapter in chapters_of(text) for path in absent_in(chapter, there)] == absent
