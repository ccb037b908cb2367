"""The tutorial does what it says, from its first command to its last."""

import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
from support.system.ports import free_port

from filterd.lab.patience import LONGEST

pytestmark = [
    pytest.mark.services,
    pytest.mark.one_database,
    pytest.mark.skipif(shutil.which("dig") is None, reason="dig is not installed"),
]

PAGE = Path(__file__).parents[2] / "docs/start/index.md"
SHELL = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
DEADLINE_S = 120
PORTS = ("5300", "5301", "5302")
BLOCKED = r"{}\.\s+\d+\s+IN\s+A\s+127\.0\.0\.1$"


def test_the_tutorial_blocks_a_name_for_all_one_for_a_child_and_one_by_order(tmp_path: Path) -> None:
    blocks = SHELL.findall(PAGE.read_text())
    # a filterd never outlives the shell that started it
    script = "\n".join(("set -euo pipefail", "export FILTERD_PARENT=$$", *blocks))
    ports = {port: str(free_port()) for port in PORTS}
    script = re.sub(r"\b530[0-2]\b", lambda found: ports[found[0]], script)
    env = os.environ | {"PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"}
    command, most_s = ["bash", "-c", script], LONGEST * DEADLINE_S

    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=most_s)

    assert done.returncode == 0, done.stderr
    asked = ("www.blocked.example", "adult.example", "bad.example")
    assert [name for name in asked if not re.search(BLOCKED.format(re.escape(name)), done.stdout, re.MULTILINE)] == []
    assert done.stdout.count("EDE: 16 (Censored)") == 2  # of the orders
    assert "PTA-2026-17: withdrawn" in done.stdout
