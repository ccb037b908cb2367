"""What the kernel lets this process do."""

from pathlib import Path

import pytest

from filterd.box import capabilities
from filterd.box.capabilities import OF_NAMESPACES, Capability, how_to_get, main, missing_capabilities, why_missing

DOCKER = 0x00000000A80425FB  # root in a container with Docker's default set
ALL = 0x000001FFFFFFFFFF


@pytest.fixture
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(capabilities, "STATUS", tmp_path / "status")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    return tmp_path / "status"


def write(held: Path, effective: int) -> None:
    held.write_text(f"Name:\tx\nCapPrm:\t{ALL:016x}\nCapEff:\t{effective:016x}\nCapBnd:\t{ALL:016x}\n")


def test_root_of_a_container_lacks_what_namespaces_need(held: Path) -> None:
    write(held, DOCKER)

    missing = missing_capabilities(OF_NAMESPACES)

    assert missing == [Capability.SYS_ADMIN, Capability.NET_ADMIN]
    assert why_missing(OF_NAMESPACES) == "without cap_sys_admin, cap_net_admin"
    cure = "start the container with --cap-add SYS_ADMIN --cap-add NET_ADMIN, or with --privileged"
    assert how_to_get(missing) == cure


def test_root_of_the_box_lacks_nothing(held: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(held, ALL)

    assert missing_capabilities(Capability) == [] and why_missing(Capability) is None
    assert main() == 0 and capsys.readouterr().err == ""


def test_who_is_not_root_runs_it_as_root(held: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(held, 0)
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    assert why_missing(OF_NAMESPACES) == "not root" and how_to_get(OF_NAMESPACES) == "run as root"


def test_a_service_without_root_may_have_been_given_some(held: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(held, 1 << Capability.NET_BIND_SERVICE)
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    assert missing_capabilities((Capability.NET_BIND_SERVICE, Capability.NET_RAW)) == [Capability.NET_RAW]


def test_a_target_that_cannot_run_says_what_it_needs(
    held: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(held, DOCKER)
    monkeypatch.setattr("sys.argv", ["capabilities", "kernel"])

    assert main() == 3
    said = "kernel: network namespaces need cap_sys_admin, cap_net_admin; not run; start the container with "
    assert capsys.readouterr().err.startswith(said)
