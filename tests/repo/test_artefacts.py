"""What is shipped: the sdist can be built from, the wheel holds nothing but what runs, and it runs alone.

`make dist` builds into dist/ and says so in FILTERD_DIST; otherwise both are built here.
"""

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.system.lock_file import locked_in

from filterd import __version__

pytestmark = pytest.mark.long

MOST_OCTETS = 8_000_000  # of the wheel; 23 million with debugging information
OF_THE_TREE = {("fastpath", "bench"), ("fastpath", "testing"), ("filterd", "lab")}  # never shipped

Files = Callable[..., list[Path]]


@pytest.fixture(scope="session")
def artefacts(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if built := os.environ.get("FILTERD_DIST"):
        return root / built
    to = tmp_path_factory.mktemp("dist")
    build(root, to)
    return to


def build(tree: Path, to: Path, *what: str) -> None:
    """Build as `make dist` does: with the tools that are named there, and the same time in every file."""
    env = {"SOURCE_DATE_EPOCH": "1795000000", "PIP_CONSTRAINT": str(tree / ".ci/build-constraints.txt")} | os.environ
    subprocess.run(
        [sys.executable, "-m", "build", *what, "--outdir", to, tree], check=True, capture_output=True, env=env
    )


@pytest.fixture(scope="session")
def wheel(artefacts: Path) -> Path:
    [path] = artefacts.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def wheel_names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="session")
def sdist_names(artefacts: Path) -> set[str]:
    [path] = artefacts.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def test_the_sdist_holds_every_source_file(sdist_names: set[str], files: Files, packages: tuple[str, ...]) -> None:
    sources = {str(path) for path in files(under=packages)}

    assert sources - sdist_names == set()


def test_the_sdist_holds_tests_units_and_manual(sdist_names: set[str], files: Files) -> None:
    assert {str(path) for path in files(under=("tests", "systemd", "docs"))} - sdist_names == set()


def test_the_sdist_holds_nothing_that_was_built(sdist_names: set[str]) -> None:
    assert {name for name in sdist_names if name.endswith((".so", ".pyc")) or name.startswith("build/")} == set()


def test_the_wheel_holds_no_c_and_no_tests(wheel_names: set[str]) -> None:
    tops = {name.split("/")[0] for name in wheel_names}

    assert {name for name in wheel_names if name.endswith((".c", ".h", ".pyx", ".pxd"))} == set()
    assert tops & {"tests", "bench", "docs", "systemd"} == set()


def test_the_wheel_holds_every_module_and_page(wheel_names: set[str], files: Files, packages: tuple[str, ...]) -> None:
    shipped = [path for path in files(under=packages) if path.parts[:2] not in OF_THE_TREE]
    expected = {str(path) for path in shipped if path.suffix in {".py", ".pyi", ".html", ".css", ".js", ".svg"}}
    compiled = {str(path.with_suffix("")) for path in shipped if path.suffix == ".pyx"}

    assert expected - wheel_names == set()
    assert compiled - {name.split(".")[0] for name in wheel_names if name.endswith(".so")} == set()


def test_the_wheel_holds_no_measurements_no_test_doubles_and_no_laboratory(wheel_names: set[str]) -> None:
    assert {name for name in wheel_names if tuple(name.split("/")[:2]) in OF_THE_TREE} == set()


def test_the_wheel_brings_the_manual_page_to_where_man_finds_it(wheel_names: set[str]) -> None:
    assert [name for name in wheel_names if name.endswith(".data/data/share/man/man1/filterd.1")] != []


def test_the_wheel_takes_little_room(wheel: Path) -> None:
    assert wheel.stat().st_size <= MOST_OCTETS


def test_the_compiled_modules_are_hardened_and_carry_no_debugging_information(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        modules = [archive.extract(name, tmp_path) for name in archive.namelist() if name.endswith(".so")]
    shown = {path: readelf("--sections", "--dynamic", path) for path in modules}
    symbols = readelf("--dyn-syms", *modules)

    assert [path for path, text in shown.items() if "BIND_NOW" not in text or ".debug" in text] == []
    assert "__stack_chk_fail" in symbols and "__memcpy_chk" in symbols


def readelf(*arguments: str) -> str:
    return subprocess.run(["readelf", "--wide", *arguments], check=True, capture_output=True, text=True).stdout


def test_the_wheel_runs_in_a_clean_place_with_what_the_lock_names(wheel: Path, root: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "clean", with_pip=True)
    clean = tmp_path / "clean/bin"
    locked: list[str | Path] = ["--require-hashes", "-r", root / "requirements.lock"]
    subprocess.run([clean / "pip", "install", "-q", *locked], check=True, cwd=tmp_path)
    subprocess.run([clean / "pip", "install", "-q", "--no-index", "--no-deps", wheel], check=True, cwd=tmp_path)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        asked: list[str | Path] = [clean / "filterd", *words]
        return subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert "check-config" in run("--help").stdout
    assert run("completion", "bash").returncode == 0
    laboratory = run("lab", "run")
    assert (laboratory.returncode, "run it there: make demo" in laboratory.stderr) == (3, True)


def test_a_second_build_in_another_place_gives_the_same_wheel(artefacts: Path, wheel: Path, tmp_path: Path) -> None:
    [sdist] = artefacts.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "there", filter="data")
    [tree] = (tmp_path / "there").iterdir()

    build(tree, tmp_path / "built", "--wheel")

    [built] = (tmp_path / "built").iterdir()
    assert built.name == wheel.name
    assert hashlib.sha256(built.read_bytes()).hexdigest() == hashlib.sha256(wheel.read_bytes()).hexdigest()


def test_the_version_is_that_of_the_program(artefacts: Path, wheel: Path) -> None:
    [sdist] = artefacts.glob("*.tar.gz")

    assert wheel.name.startswith(f"filterd-{__version__}-")
    assert sdist.name == f"filterd-{__version__}.tar.gz"


def test_the_bill_of_materials_names_what_the_lock_does(artefacts: Path, root: Path) -> None:
    bill = artefacts / "filterd.cdx.json"
    if not bill.exists():
        pytest.skip("the bill of materials is written by `make dist`")
    said = json.loads(bill.read_text())

    assert {(each["name"], each["version"]) for each in said["components"]} == set(
        locked_in(root / "requirements.lock")
    )
    assert said["metadata"]["component"]["version"] == __version__
