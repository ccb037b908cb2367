import os
import resource
import socket
from pathlib import Path

import pytest

from filterd.process.sd_notify import notify, notifying, watchdog_interval_s


def test_a_state_goes_to_the_socket_that_the_environment_names(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "n"))

        notify("READY=1", "STATUS=good", environ={"NOTIFY_SOCKET": str(tmp_path / "n")})

        assert listener.recv(1000).decode().split("\n") == ["READY=1", "STATUS=good", f"MAINPID={os.getpid()}"]


def test_an_abstract_address_begins_with_an_at_sign() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0filterd-test-{os.getpid()}")

        notify("READY=1", environ={"NOTIFY_SOCKET": f"@filterd-test-{os.getpid()}"})

        assert listener.recv(1000).startswith(b"READY=1")


def test_without_a_listener_nothing_happens() -> None:
    notify("READY=1", environ={})


def test_who_has_no_descriptor_left_can_still_say_that_it_lives(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "n"))
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        with notifying({"NOTIFY_SOCKET": str(tmp_path / "n")}) as tell:
            resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
            try:
                tell("WATCHDOG=1")
                with pytest.raises(OSError, match="Too many open files"):
                    notify("WATCHDOG=1", environ={"NOTIFY_SOCKET": str(tmp_path / "n")})
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)

        assert listener.recv(1000).startswith(b"WATCHDOG=1")


def test_the_watchdog_is_fed_twice_as_often_as_demanded_and_only_by_the_one_it_watches() -> None:
    mine, other = str(os.getpid()), str(os.getpid() + 1)

    assert watchdog_interval_s({"WATCHDOG_USEC": "30000000"}) == 15
    assert watchdog_interval_s({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": mine}) == 15
    assert watchdog_interval_s({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": other}) is None
    assert watchdog_interval_s({}) is None
