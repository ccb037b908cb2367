"""The locks: all that is installed, with digests, and nothing that takes the name of a package of ours."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.system.lock_file import locked_in

EVERYTHING = "requirements-dev.lock"
EXTRAS = ("audit", "pdf", "postgresql", "verifier")
OF_RUNNING = {"requirements.lock": (), **{f"requirements-{extra}.lock": (extra,) for extra in EXTRAS}}
LOCKS = [EVERYTHING, "requirements-bench.lock", *OF_RUNNING]
FIT = "import sys"


def wanted(root: Path, *extras: str) -> list[Requirement]:
    """What pyproject.toml asks for, with these extras and with those that they name."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    found = [Requirement(each) for each in project["dependencies"]]
    for extra in extras:
        for each in map(Requirement, project["optional-dependencies"][extra]):
            found += wanted(root, *each.extras) if each.name == project["name"] else [each]
    return found


def pins(path: Path) -> dict[str, set[str]]:
    """The versions of each package: several, where Pythons differ."""
    found: dict[str, set[str]] = {}
    for name, version in locked_in(path):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


@pytest.mark.parametrize(
    ("lock", "extras"), [(EVERYTHING, ("dev",)), ("requirements-bench.lock", ("bench",)), *OF_RUNNING.items()]
)
def test_a_lock_pins_what_pyproject_asks_for_within_what_it_may_be(
    root: Path, lock: str, extras: tuple[str, ...]
) -> None:
    locked, requirements = pins(root / lock), wanted(root, *extras)

    assert [str(each) for each in requirements if canonicalize_name(each.name) not in locked] == []
    for each in requirements:
        assert [version for version in locked[canonicalize_name(each.name)] if version not in each.specifier] == []


def test_all_extras_are_in_the_lock_of_a_checkout(root: Path) -> None:
    extras = tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"].keys()
    missing = {str(each) for each in wanted(root, *(extras - {"bench"}))} - {str(each) for each in wanted(root, "dev")}

    assert missing == set()


@pytest.mark.parametrize("lock", LOCKS[1:])
def test_no_package_has_another_version_in_another_lock(root: Path, lock: str) -> None:
    everything = pins(root / EVERYTHING)

    assert {
        name: versions for name, versions in pins(root / lock).items() if not versions <= everything.get(name, versions)
    } == {}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_digests(root: Path, lock: str) -> None:
    entries = re.split(r"\n(?=[a-z0-9])", (root / lock).read_text())[1:]

    assert len(entries) == len(list(locked_in(root / lock))) > 10
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_an_index_or_dnspython_whose_import_name_is_ours(root: Path, lock: str) -> None:
    assert "dnspython" not in pins(root / lock)
    assert re.findall(r"https?://\S+|--index\S*", (root / lock).read_text()) == []


def test_what_is_installed_here_is_what_the_lock_of_a_checkout_says(root: Path) -> None:
    here = {canonicalize_name(each.name): each.version for each in distributions()}
    locked = pins(root / EVERYTHING)
    due = {Requirement(line.rstrip(" \\")) for line in (root / EVERYTHING).read_text().splitlines() if "==" in line}
    applying = {canonicalize_name(each.name) for each in due if each.marker is None or each.marker.evaluate()}

    assert Path(sys.prefix).name != ".venv" or applying - here.keys() == set()
    assert {name: version for name, version in here.items() if version not in locked.get(name, {version})} == {}


def test_an_environment_that_was_made_at_another_place_is_not_fit(root: Path, tmp_path: Path) -> None:
    def is_fit(shebang: str) -> bool:
        (tmp_path / "bin/pip").write_text(f"#!{shebang}\n{FIT}\n")
        (tmp_path / "bin/pip").chmod(0o755)
        environment = {"VENV": str(tmp_path), "PATH": "/usr/bin:/bin"}
        return subprocess.run([root / ".ci/venv", "check"], env=environment, check=False).returncode == 0

    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to(sys.executable)

    assert is_fit(f"{tmp_path}/bin/python")
    assert not is_fit("/elsewhere/.venv/bin/python")
    (tmp_path / "bin/python").unlink()
    assert not is_fit(f"{tmp_path}/bin/python")


def test_a_wheel_is_built_with_the_versions_of_the_lock(root: Path) -> None:
    locked = pins(root / EVERYTHING)

    assert pins(root / ".ci/build-constraints.txt") == {name: locked[name] for name in ("setuptools", "cython")}
