"""A gate without a kernel, open and closed where it cannot decide; files that need other tables make their own."""

from pathlib import Path

import pytest
from support.gate.lab import NOW_S, Lab
from support.images.opened import Images

from fastpath.images.tables import TableSet
from fastpath.images.verdict import Mode
from fastpath.people.policy_writer import ProfileSpec


@pytest.fixture
def tables(images: Images) -> TableSet:
    names = images.names(
        [
            ("orders", "blocked.test", Mode.SUBTREE),
            ("csam", "confidential.test", Mode.SUBTREE),
            ("help", "help.test", Mode.SUBTREE),
        ]
    )
    locked = ProfileSpec(0, (), NOW_S + 1000, 0)
    return TableSet(
        names,
        subscribers=images.subscribers([("192.0.2.66/32", 66), ("2001:db8::66/128", 66)]),
        policy=images.policy([(66, locked)]),
    )


@pytest.fixture
def lab(tmp_path: Path, tables: TableSet) -> Lab:
    return Lab(tmp_path, tables)


@pytest.fixture
def closed_lab(tmp_path: Path, tables: TableSet) -> Lab:
    return Lab(tmp_path / "closed", tables, closed=1)
