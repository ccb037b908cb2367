"""Who may import whom: the six packages, and the rooms of each, floor by floor, over every .py, .pyx, .pxd and .pyi."""

import re
from collections.abc import Callable
from graphlib import CycleError, TopologicalSorter
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
# The rooms of each package, from below.  A room uses those of the floors before it, and no other of its own floor.
# ".": the modules that lie loose in the package.  Of fastpath, gate and dns never meet; what is shipped uses no test
# double.  Of mgmt, what is below `web/kit` knows no HTTP.
FLOORS = {
    "fastpath": (
        {"base"},
        {"wire"},
        {"images"},
        {"report", "people"},
        {"gate", "dns"},
        {"tap"},
        {"testing"},
        {"bench"},
    ),
    "rules": ({"base"}, {"formats"}, {"lists"}),
    "dns": ({"base"}, {"front"}, {"zones"}),
    "parental": ({"store"}, {"policy"}, {"people", "sessions"}, {"calendar"}),
    "mgmt": (
        {"contract", "ledger", "text"},
        {"staff"},
        {"orders"},
        {"registers"},
        {"web/kit"},
        {"web/family", "web/public", "web/splash"},
        {"web/api"},
        {"web/desk"},
        {"web"},
    ),
    "filterd": (
        {"box"},
        {".", "config"},
        {"process"},
        {"images", "kernel", "radius"},
        {"audit"},
        {"lab", "client"},
        {"control"},
        {"commands"},
    ),
}
MOST_LOOSE = 5  # modules that lie in no room of their package
DEEPEST = 4  # folders below one another
HTTP = re.compile(r"^[ \t]*(?:from|import)[ \t]+(?:aiohttp|jinja2)\b", re.MULTILINE)
IMPORT = re.compile(r"^[ \t]*(?:from|import|cimport)[ \t]+([^#\n]+)", re.MULTILINE)
CIMPORT = re.compile(r"^[ \t]*(?:from[ \t]+(\S+)[ \t]+)?cimport[ \t]+(\S+)", re.MULTILINE)
CIMPORTED = re.compile(r"^[ \t]*(?:from[ \t]+\S+[ \t]+)?cimport[ \t]+(?:\([^)]*\)|[^\n]*)", re.MULTILINE)
FROM = re.compile(r"^[ \t]*from[ \t]+([\w.]+)[ \t]+c?import[ \t]+(\([^)]*\)|[^#\n]+)", re.MULTILINE)
WHOLE = re.compile(r"^[ \t]*c?import[ \t]+([^#\n]+)", re.MULTILINE)
RELATIVE = re.compile(r"^[ \t]*from[ \t]+\.", re.MULTILINE)

Files = Callable[..., list[Path]]


def imported(text: str) -> set[str]:
    """The top-level names that a source file imports, at the top or inside a function."""
    found: set[str] = set()
    for rest in IMPORT.findall(text):
        source = re.split(r"\s+c?import\b", rest)[0]
        found |= {part.split()[0].split(".")[0] for part in source.split(",") if part.strip()}
    return found


def named(text: str) -> set[str]:
    """What a source file imports or cimports, with the names that it takes from there."""
    found = {part.split()[0] for rest in WHOLE.findall(text) for part in rest.split(",") if part.strip()}
    for source, names in FROM.findall(text):
        found |= {f"{source}.{part.split()[0]}" for part in re.sub(r"#.*|[()]", " ", names).split(",") if part.strip()}
    return found


def room_of(package: str, parts: tuple[str, ...]) -> str:
    """The room of a file, or of a name that is imported, by its parts below the package."""
    rooms: set[str] = set().union(*FLOORS[package])
    return next((room for n in (2, 1) if (room := "/".join(parts[:n])) in rooms and len(parts) >= n), ".")


def rooms_used(package: str, text: str) -> set[str]:
    """The rooms of its own package that a source file imports or cimports from."""
    parts = [tuple(name.split(".")) for name in named(text)]
    return {room_of(package, each[1:]) for each in parts if each[0] == package and len(each) > 1}


def too_high(package: str, room: str, text: str) -> set[str]:
    """The rooms that a file of `room` may not use: another one of its own floor, and those above."""
    floor = next(number for number, rooms in enumerate(FLOORS[package]) if room in rooms)
    below: set[str] = set().union(*FLOORS[package][:floor])
    return rooms_used(package, text) - below - {room}


def folder_of(name: str, modules: set[tuple[str, ...]]) -> tuple[str, ...]:
    """The folder of a name that is imported: of its module, or of a package itself; (): it is none of ours."""
    parts = tuple(name.split("."))
    while parts and parts not in modules and (*parts, "__init__") not in modules:
        parts = parts[:-1]
    return parts[:-1] if parts in modules else parts


def files_used(text: str, there: set[str]) -> set[str]:
    """The files that a source file imports, at the top or inside a function, or cimports: then those that declare."""
    declared = named("\n".join(CIMPORTED.findall(text)))
    imported = named(CIMPORTED.sub("", text))
    found = {_file_of(name, there, (".pxd",)) for name in declared}
    return {each for each in found | {_file_of(name, there, (".py", ".pyx")) for name in imported} if each}


def _file_of(name: str, there: set[str], suffixes: tuple[str, ...]) -> str:
    """The file of a name that is imported; "": it is none of ours."""
    path = name.replace(".", "/")
    while path:
        for way in (path, f"{path}/__init__"):
            for suffix in suffixes:
                if way + suffix in there:
                    return way + suffix
        path = path.rpartition("/")[0]
    return ""


def circle_in(uses: dict[tuple[str, ...], set[tuple[str, ...]]], depth: int) -> list[str]:
    """Folders that use one another in a circle, seen to so many parts of a path; []: none do."""
    graph: dict[str, set[str]] = {}
    for folder, used in uses.items():
        here = "/".join(folder[:depth])
        graph.setdefault(here, set()).update({"/".join(each[:depth]) for each in used if each} - {here})
    return circle_of(graph)


def circle_of(graph: dict[str, set[str]]) -> list[str]:
    """Some that use one another in a circle; []: none do."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as fault:
        return list(fault.args[1])
    return []


@pytest.fixture(scope="module")
def uses(root: Path, files: Files) -> dict[tuple[str, ...], set[tuple[str, ...]]]:
    """Folder → the folders whose modules its own import."""
    sources = files(".py", ".pyx", ".pxd", ".pyi", under=tuple(MAY_IMPORT))
    modules = {path.with_suffix("").parts for path in sources}
    found: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for path in sources:
        names = named((root / path).read_text())
        found.setdefault(path.parent.parts, set()).update(folder_of(name, modules) for name in names)
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


@pytest.mark.parametrize("package", FLOORS)
def test_a_room_uses_only_what_lies_below_it(package: str, root: Path, files: Files) -> None:
    sources = files(".py", ".pyx", ".pxd", ".pyi", under=(package,))
    texts = {path: (root / path).read_text() for path in sources if path != Path(package, "__init__.py")}
    rooms = {path: room_of(package, path.parent.parts[1:]) for path in texts}

    wrong = [
        f"{path}: uses {room}" for path, text in texts.items() for room in sorted(too_high(package, rooms[path], text))
    ]

    assert wrong == []
    assert [str(path) for path, text in texts.items() if RELATIVE.search(text)] == []
    assert set(rooms.values()) == set().union(*FLOORS[package])


@pytest.mark.parametrize("depth", range(1, DEEPEST + 1))
def test_no_folders_use_one_another_in_a_circle(depth: int, uses: dict[tuple[str, ...], set[tuple[str, ...]]]) -> None:
    assert circle_in(uses, depth) == []
    assert max(map(len, uses)) <= DEEPEST


@pytest.mark.parametrize(
    ("uses", "depth", "circle"),
    [
        ({"a/b": {"a/c"}, "a/c": {"a/d"}, "a/d": {"a/b"}}, 2, {"a/b", "a/c", "a/d"}),
        ({"a/b": {"a/b/x"}, "a/b/x": {"a/b"}}, 3, {"a/b", "a/b/x"}),
        ({"a/b/x": {"a/c/x"}, "a/c/y": {"a/b/y"}}, 2, {"a/b", "a/c"}),
        ({"a/b/x": {"a/c/x"}, "a/c/y": {"a/b/y"}}, 3, set()),
        ({"a/b": {"a/b", "a/b/x"}, "a/b/x": {"a/c"}}, 3, set()),
    ],
)
def test_a_circle_is_found_at_any_depth(uses: dict[str, set[str]], depth: int, circle: set[str]) -> None:
    parts = {tuple(folder.split("/")): {tuple(each.split("/")) for each in used} for folder, used in uses.items()}

    assert set(circle_in(parts, depth)) == circle


def test_no_files_use_one_another_in_a_circle(root: Path, files: Files) -> None:
    """Nor by an import inside a function: who reads one of them has to read the other."""
    there = {str(path) for path in files(".py", ".pyx", ".pxd", under=tuple(MAY_IMPORT))}
    uses = {path: files_used((root / path).read_text(), there) - {path} for path in there}

    assert sum(map(len, uses.values())) > len(uses)
    assert circle_of(uses) == []


def test_files_are_used_from_inside_a_function_by_their_package_and_by_their_declarations() -> None:
    there = {"a/__init__.py", "a/b.py", "a/c.pyx", "a/c.pxd", "a/d.py"}

    assert files_used("def f():\n    from a.b import (\n        Thing,  # a.d\n    )\n", there) == {"a/b.py"}
    assert files_used("from a import d, NAME\nimport os.path\n", there) == {"a/d.py", "a/__init__.py"}
    assert files_used("from a.c cimport (\n    one,\n    two)\n", there) == {"a/c.pxd"}
    assert files_used("from a.c import one\nfrom a.c cimport two\n", there) == {"a/c.pyx", "a/c.pxd"}
    assert circle_of({"x": {"y"}, "y": {"z"}, "z": {"x"}}) != [] == circle_of({"x": {"y"}, "y": set()})


def test_the_folder_of_a_name_is_its_modules_or_the_package_itself() -> None:
    modules = {("a", "__init__"), ("a", "b", "c"), ("a", "b", "__init__")}

    assert folder_of("a.b.c.Thing", modules) == ("a", "b")
    assert folder_of("a.b.c", modules) == ("a", "b")
    assert folder_of("a.b.Thing", modules) == ("a", "b")
    assert folder_of("a.version", modules) == ("a",)
    assert folder_of("os.path", modules) == ()


@pytest.mark.parametrize("package", FLOORS)
def test_few_modules_lie_loose_in_a_package(package: str, files: Files) -> None:
    loose = [path for path in files(".py", ".pyx", under=(package,)) if len(path.parts) == 2]

    assert len([path for path in loose if path.stem != "__init__"]) <= MOST_LOOSE


def test_below_its_web_mgmt_knows_no_http(root: Path, files: Files) -> None:
    below = [path for path in files(".py", under=("mgmt",)) if path.parts[1] != "web"]

    assert below
    assert [str(path) for path in below if HTTP.search((root / path).read_text())] == []


def test_one_module_of_filterd_speaks_to_the_api(root: Path, files: Files) -> None:
    shown = [str(path) for path in files(".py", under=("filterd",)) if "Bearer {" in (root / path).read_text()]

    assert shown == ["filterd/client/api_client.py", "filterd/lab/api_desk.py"]  # the last as customers do: by curl


def test_what_is_shipped_does_not_import_the_laboratory_which_is_not(
    root: Path, files: Files, packages: tuple[str, ...]
) -> None:
    shipped = [path for path in files(".py", under=packages) if path.parts[:2] != ("filterd", "lab")]
    named_in = {path: named((root / path).read_text()) for path in shipped}

    wrong = [path for path, names in named_in.items() if any(f"{name}.".startswith("filterd.lab.") for name in names)]

    assert named("from filterd.lab import cli") == {"filterd.lab.cli"}
    assert wrong == []


@pytest.mark.parametrize(
    ("package", "room", "line", "rooms"),
    [
        ("fastpath", "base", "from fastpath.wire.name cimport Name", {"wire"}),
        ("fastpath", "wire", "    from fastpath.images import image", {"images"}),
        ("fastpath", "images", "cimport fastpath.report.counters", {"report"}),
        ("fastpath", "gate", "from fastpath.dns.loop import DnsLoop", {"dns"}),
        ("fastpath", "dns", "from fastpath cimport (\n    base,\n    gate,\n)", {"gate"}),
        ("fastpath", "report", "from fastpath import bench as measured  # why", {"bench"}),
        ("fastpath", "testing", "import fastpath.bench.url_lookups", {"bench"}),
        ("fastpath", "gate", "from fastpath.gate.flow cimport Flow\nfrom fastpath.base.cursor cimport OK", set()),
        ("fastpath", "testing", "from fastpath.dns.cache cimport Cache\nfrom fastpath.gate.flow cimport Flow", set()),
        ("fastpath", "base", "# fastpath.gate.loop says why", set()),
        ("mgmt", "orders", "from mgmt.web.kit.problems import problem", {"web/kit"}),
        ("mgmt", "web/api", "from mgmt.web import app, desk", {"web", "web/desk"}),
        ("mgmt", "web/kit", "    from mgmt.orders.phases.canary_rules import Policy", set()),
        ("filterd", "process", "import filterd.control.service", {"control"}),
        ("filterd", "config", "from filterd.box.errors import Missing", set()),
        ("filterd", "box", "from filterd.verbs import add_verb", {"."}),
        ("dns", "base", "from dns.front.front import DnsFront", {"front"}),
    ],
)
def test_a_room_that_is_too_high_is_seen_however_it_is_imported(
    package: str, room: str, line: str, rooms: set[str]
) -> None:
    assert too_high(package, room, line) == rooms


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("import rules", {"rules"}),
        ("    from mgmt.web.desk.app import create_app", {"mgmt"}),
        ("import os, dns.front.front as front  # why", {"os", "dns"}),
        ("from fastpath.wire.name cimport Name", {"fastpath"}),
        ("cimport fastpath.wire.tls", {"fastpath"}),
        ("'from rules to images'", set()),
    ],
)
def test_the_table_sees_every_way_to_write_an_import(line: str, names: set[str]) -> None:
    assert imported(line) == names
