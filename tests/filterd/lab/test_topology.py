"""What can be known of the topology without root; tests/kernel/test_lab.py has the rest."""

from pathlib import Path

import pytest

from filterd.box.capabilities import Capability
from filterd.box.errors import MissingPart
from filterd.lab import topology
from filterd.lab.topology import NODES, Lab, build_lab, remove_orphans, why_not


def test_a_program_runs_inside_its_namespace(tmp_path: Path) -> None:
    assert Lab("fd-7", tmp_path).inside("child", ["dig", "a"]) == ["ip", "netns", "exec", "fd-7-child", "dig", "a"]


def test_the_nodes_are_the_gateway_and_four_around_it() -> None:
    assert NODES == ("gateway", "child", "adult", "desk", "internet")


@pytest.mark.parametrize(
    ("uid", "cure"), [(1000, "run as root"), (0, "start the container with --cap-add SYS_ADMIN, or with --privileged")]
)
def test_without_the_right_to_make_namespaces_there_is_no_lab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uid: int, cure: str
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: uid)
    monkeypatch.setattr(topology, "missing_capabilities", lambda _: [Capability.SYS_ADMIN])

    with pytest.raises(MissingPart, match=f"lab: namespaces need cap_sys_admin; nothing was made; {cure}"):
        build_lab("fd-7", tmp_path)


def test_a_missing_program_is_named_by_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topology, "missing_capabilities", lambda _: [])
    monkeypatch.setattr("shutil.which", lambda program: None if program in ("dig", "unbound") else program)

    assert (why_not() or "").endswith("apt-get install bind9-dnsutils unbound")


def test_only_the_labs_of_dead_processes_are_orphans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = 2**22 + 1  # above the largest pid_max there is (proc_sys_kernel(5))
    for name in (f"fd-{dead}-child", "fd-1-child", "fd-up-child", "somebody-else", f"fd-{dead}-other"):
        (tmp_path / name).touch()
    removed: list[str] = []

    def remove(prefix: str) -> list[str]:
        removed.append(prefix)
        return [prefix]

    monkeypatch.setattr(topology, "MOUNTS", tmp_path)
    monkeypatch.setattr(topology, "NETNS_FILES", tmp_path / "none")
    monkeypatch.setattr(topology, "remove", remove)

    remove_orphans()

    assert removed == [f"fd-{dead}"]


def test_an_orphan_that_another_lab_removes_meanwhile_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone: list[str] = []

    def take(name: str) -> None:
        gone.append(name)
        raise FileNotFoundError(name)

    for name in ("fd-7-child", "fd-7-desk"):
        (tmp_path / name).touch()
    monkeypatch.setattr(topology, "MOUNTS", tmp_path)
    monkeypatch.setattr(topology, "NETNS_FILES", tmp_path / "none")
    monkeypatch.setattr("filterd.lab.topology.netns.remove", take)

    assert topology.remove("fd-7") == gone == ["fd-7-child", "fd-7-desk"]


def test_an_orphan_that_is_gone_before_its_programs_are_looked_for_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orphan = tmp_path / "fd-7-child"
    orphan.touch()
    exists = Path.exists

    def exists_for_the_last_time(path: Path) -> bool:
        found = exists(path)
        if path == orphan:
            path.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(topology, "MOUNTS", tmp_path)
    monkeypatch.setattr(topology, "NETNS_FILES", tmp_path / "none")
    monkeypatch.setattr(Path, "exists", exists_for_the_last_time)
    monkeypatch.setattr("filterd.lab.topology.netns.remove", lambda _name: None)

    assert topology.remove("fd-7") == ["fd-7-child"]
