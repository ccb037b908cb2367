from pathlib import Path

import pytest

from filterd.lab.loopback import loopback

pytestmark = pytest.mark.services


def test_programs_run_on_this_box_and_end_with_the_place(tmp_path: Path) -> None:
    with loopback(tmp_path) as place:
        program = place.popen("internet", ["sleep", "600"])
        said = place.run("child", ["cat"], stdin="hello")
        assert program.poll() is None

    assert said.stdout == "hello"
    assert program.poll() is not None
    assert (tmp_path / "logs/internet-sleep.log").exists()
