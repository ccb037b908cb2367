"""requirements.lock: all that runs, with digests, and nothing that takes the name of a package of ours."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.system.lock_file import locked_in


def test_the_lock_pins_every_dependency_within_what_it_may_be(root: Path) -> None:
    wanted = tomllib.loads((root / "pyproject.toml").read_text())["project"]["dependencies"]
    locked = {canonicalize_name(name): version for name, version in locked_in(root / "requirements.lock")}
    requirements = [Requirement(each) for each in wanted]

    assert [str(each) for each in requirements if canonicalize_name(each.name) not in locked] == []
    assert [str(each) for each in requirements if locked[canonicalize_name(each.name)] not in each.specifier] == []


def test_every_pin_of_the_lock_has_digests(root: Path) -> None:
    entries = re.split(r"\n(?=[a-z0-9])", (root / "requirements.lock").read_text())[1:]

    assert len(entries) == len(list(locked_in(root / "requirements.lock"))) > 10
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_lock_brings_no_dnspython_whose_import_name_is_ours(root: Path) -> None:
    assert "dnspython" not in dict(locked_in(root / "requirements.lock"))
