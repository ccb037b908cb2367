from pathlib import Path

import pytest

from filterd.config.accepted import InForce, accept
from filterd.config.changes import digests
from filterd.process.box_state import config_state, role_states
from filterd.process.instance import only_instance

GOOD = "state_dir: state\nrun_dir: run\ndns: {upstreams: ['192.0.2.53:53']}\n"


@pytest.fixture
def found(tmp_path: Path) -> InForce:
    (tmp_path / "f.yaml").write_text(GOOD)
    return accept(tmp_path / "f.yaml")


def test_a_role_tells_its_fault_and_what_it_has_to_be_restarted_for(found: InForce, tmp_path: Path) -> None:
    with only_instance(tmp_path / "run", "web-0") as web, only_instance(tmp_path / "run", "dns-0") as dns:
        for instance, role in ((web, "web"), (dns, "dns")):
            instance.note_keys(digests(found.config, role))
        found.source.write_text(GOOD + "api: {listen: ['127.0.0.1:81']}\n")
        dns.note_fault("no certificate", was_ready=False)

        states = {state.name: state for state in role_states(accept(found.source).config)}

    assert (states["web-0"].restart, states["web-0"].fault) == (["/api/listen"], None)
    assert (states["dns-0"].restart, states["dns-0"].fault) == ([], "no certificate")


def test_the_supervisor_is_no_role(found: InForce, tmp_path: Path) -> None:
    with only_instance(tmp_path / "run", "filterd"):
        assert role_states(found.config) == []


def test_a_role_that_left_its_reason_and_is_gone_does_not_run(found: InForce, tmp_path: Path) -> None:
    (tmp_path / "run/web-0").mkdir(parents=True)
    (tmp_path / "run/web-0/role.lock").write_text('{"pid":0,"fault":"port 80 is taken","n_failed":3}')

    (state,) = role_states(found.config)

    assert (state.is_running, state.fault, state.restart) == (False, "port 80 is taken", [])


def test_what_is_left_of_a_worker_that_is_not_wanted_any_more_is_no_role(found: InForce, tmp_path: Path) -> None:
    for name in ("dns-0", "dns-1"):
        (tmp_path / "run" / name).mkdir(parents=True)
        (tmp_path / "run" / name / "role.lock").write_text('{"pid":0}')

    assert [state.name for state in role_states(found.config)] == ["dns-0"]


@pytest.mark.parametrize(
    ("said", "differs", "fault"),
    [(GOOD, False, None), (GOOD + "log_level: debug\n", True, None), (GOOD + "dms: {}\n", True, "/dms: no such key")],
    ids=["the same", "another", "with a fault"],
)
def test_a_file_that_is_not_in_force_is_told_with_its_fault(
    found: InForce, said: str, differs: bool, fault: str | None
) -> None:
    found.source.write_text(said)

    state = config_state(found)

    assert state.differs is differs
    assert (fault is None and state.fault is None) or (fault is not None and fault in str(state.fault))
