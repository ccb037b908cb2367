"""Who may import whom: one table over every .py, .pyx, .pxd and .pyi of the six packages."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

MAY_IMPORT = {
    "fastpath": set[str](),
    "rules": {"fastpath"},
    "parental": {"fastpath", "rules"},
    "dns": {"fastpath", "rules"},
    "mgmt": {"rules", "parental"},
    "filterd": {"fastpath", "rules", "parental", "dns", "mgmt"},
}
IMPORT = re.compile(r"^[ \t]*(?:from|import|cimport)[ \t]+([^#\n]+)", re.MULTILINE)
CIMPORT = re.compile(r"^[ \t]*(?:from[ \t]+(\S+)[ \t]+)?cimport[ \t]+(\S+)", re.MULTILINE)

Files = Callable[..., list[Path]]


def imported(text: str) -> set[str]:
    """The top-level names that a source file imports, at the top or inside a function."""
    found: set[str] = set()
    for rest in IMPORT.findall(text):
        source = re.split(r"\s+c?import\b", rest)[0]
        found |= {part.split()[0].split(".")[0] for part in source.split(",") if part.strip()}
    return found


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_what_lies_below_it(package: str, root: Path, files: Files) -> None:
    allowed = MAY_IMPORT[package] | {package}

    wrong = [
        f"{path}: imports {name}"
        for path in files(".py", ".pyx", ".pxd", ".pyi", under=(package,))
        for name in sorted(imported((root / path).read_text()) & set(MAY_IMPORT) - allowed)
    ]

    assert wrong == []


def test_cython_stays_inside_fastpath(root: Path, files: Files, packages: tuple[str, ...]) -> None:
    outside = [path for path in files(".pyx", ".pxd") if path.parts[0] != "fastpath"]
    foreign = [
        f"{path}: cimports {source or name}"
        for path in files(".pyx", ".pxd", under=("fastpath",))
        for source, name in CIMPORT.findall((root / path).read_text())
        if (source or name).split(".")[0] in set(packages) - {"fastpath"}
    ]

    assert outside == []
    assert foreign == []


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("import rules", {"rules"}),
        ("    from mgmt.app import create_app", {"mgmt"}),
        ("import os, dns.front as front  # why", {"os", "dns"}),
        ("from fastpath.wire.name cimport Name", {"fastpath"}),
        ("cimport fastpath.wire.tls", {"fastpath"}),
        ("'from rules to images'", set()),
    ],
)
def test_the_table_sees_every_way_to_write_an_import(line: str, names: set[str]) -> None:
    assert imported(line) == names
