"""Writers and the one who signs are killed at random points of their writes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


def left_after(n_kills: int, folder: Path) -> Any:
    script = ROOT / "tests/support/mgmt/killed_writers.py"
    env = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT}/tests"}
    argv = [sys.executable, "-P", str(script), str(folder), str(n_kills), "7"]
    return json.loads(subprocess.run(argv, env=env, stdout=subprocess.PIPE, check=True).stdout)


def check(found: Any, n_kills: int) -> None:
    assert found["said"] >= n_kills
    assert (found["lost"], found["twice"]) == ([], 0)
    assert found["whole"] and found["changes_are_events"] and found["health"] == "ok"
    assert found["altered"]


@pytest.mark.services
def test_after_20_kills_every_acknowledged_event_is_there_once_and_the_tree_verifies(tmp_path: Path) -> None:
    check(left_after(20, tmp_path), 20)


@pytest.mark.long
def test_after_200_kills_every_acknowledged_event_is_there_once_and_the_tree_verifies(tmp_path: Path) -> None:
    check(left_after(200, tmp_path), 200)
