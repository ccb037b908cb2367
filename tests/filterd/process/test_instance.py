import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from filterd.box.errors import MissingPart
from filterd.process.instance import InstanceReport, instances, only_instance

HOLDING = """
import sys, time
from pathlib import Path
from filterd.process.instance import only_instance
with only_instance(Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_lock_holds_the_number_of_its_process_and_goes_with_it(tmp_path: Path) -> None:
    with only_instance(tmp_path, "filterd"):
        assert json.loads((tmp_path / "filterd.lock").read_text()) == {"pid": os.getpid()}
    with only_instance(tmp_path, "dns-0"):
        assert instances(tmp_path) == {"dns-0": (InstanceReport(pid=os.getpid()), True)}

    assert list(tmp_path.glob("**/*.lock")) == []


def test_a_second_one_is_refused_with_the_number_of_the_first(tmp_path: Path) -> None:
    with (
        only_instance(tmp_path, "filterd"),
        pytest.raises(MissingPart, match=f"filterd runs there already, process {os.getpid()}; not started"),
        only_instance(tmp_path, "filterd"),
    ):
        pass


def test_the_lock_of_the_first_outlives_the_second_one_that_was_refused(tmp_path: Path) -> None:
    with only_instance(tmp_path, "filterd"):
        for _ in range(2):
            with pytest.raises(MissingPart), only_instance(tmp_path, "filterd"):
                pass
        assert (tmp_path / "filterd.lock").exists()


def test_a_supervisor_is_refused_where_one_of_its_roles_runs_by_itself(tmp_path: Path) -> None:
    with (
        only_instance(tmp_path, "control-0"),
        pytest.raises(MissingPart, match="its role control runs there already"),
        only_instance(tmp_path, "filterd", ["dns-0", "control-0"]),
    ):
        pass
    assert not (tmp_path / "filterd.lock").exists()


def test_two_roles_of_one_box_do_not_stand_in_each_others_way(tmp_path: Path) -> None:
    with (
        only_instance(tmp_path, "filterd", ["dns-0"]),
        only_instance(tmp_path, "dns-0"),
        only_instance(tmp_path, "dns-1"),
    ):
        assert [name for name, (_, is_running) in instances(tmp_path).items() if is_running] == ["dns-0", "dns-1"]


def test_a_role_that_could_not_do_its_work_leaves_the_reason_and_counts_its_starts(tmp_path: Path) -> None:
    counted = []
    for _ in range(3):
        with only_instance(tmp_path, "web-0") as instance:
            counted.append(instance.note_fault("port 80 is taken", was_ready=False))

    assert counted == [1, 2, 3]
    assert instances(tmp_path)["web-0"][0].fault == "port 80 is taken"
    with only_instance(tmp_path, "web-0") as instance:
        assert instances(tmp_path)["web-0"][0].fault is None
        assert instance.note_fault("it has hung", was_ready=True) == 1


def test_a_role_that_ends_well_leaves_no_reason(tmp_path: Path) -> None:
    with only_instance(tmp_path, "web-0") as instance:
        instance.note_fault("port 80 is taken", was_ready=False)
    with only_instance(tmp_path, "web-0"):
        pass

    assert instances(tmp_path) == {}


def test_a_role_tells_what_it_was_started_with(tmp_path: Path) -> None:
    with only_instance(tmp_path, "web-0") as instance:
        instance.note_keys({"/api/listen": "abc"})
        assert instances(tmp_path)["web-0"][0].keys == {"/api/listen": "abc"}


def test_a_lock_file_that_nobody_holds_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "filterd.lock").write_text("half wri")

    with only_instance(tmp_path, "filterd"):
        assert json.loads((tmp_path / "filterd.lock").read_text()) == {"pid": os.getpid()}


def test_a_link_in_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("untouched")
    (tmp_path / "filterd.lock").symlink_to(tmp_path / "theirs")

    with pytest.raises(OSError, match="symbolic links"), only_instance(tmp_path, "filterd"):
        pass
    assert (tmp_path / "theirs").read_text() == "untouched"


@pytest.mark.services
def test_a_process_that_is_killed_leaves_its_place_to_the_next(tmp_path: Path) -> None:
    first = subprocess.Popen([sys.executable, "-c", HOLDING, str(tmp_path), "filterd"], stdout=subprocess.PIPE)
    assert first.stdout is not None
    assert first.stdout.readline() == b"held\n"
    with pytest.raises(MissingPart, match=f"process {first.pid};"), only_instance(tmp_path, "filterd"):
        pass

    first.send_signal(signal.SIGKILL)
    first.wait()
    first.stdout.close()

    with only_instance(tmp_path, "filterd"):
        pass
