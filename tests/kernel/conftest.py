"""The laboratory for the kernel tests: one for the session, its servers running; skipped where it cannot be made.

A test that puts rules into the gateway, or starts a program there, takes them out again: the next one gets this lab.
"""

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from support.escapes.passage import WAYS
from support.evasion.campaign import Field, field
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from filterd.lab.servers import Internet, start_servers
from filterd.lab.topology import Lab, why_not
from filterd.lab.topology import lab as make_lab


class _Standing(NamedTuple):
    lab: Lab
    internet: Internet


class _ByWay(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """A file is never split between workers, but between the ways that all of its tests take one after the other.

    Machines of tests/systemd are started one at a time: three on two cores are too slow for their watchdogs."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, test = nodeid.partition("::")
        if "systemd/" in file:
            return "systemd"
        return "::".join((file, *(way for way in WAYS if f"[{way}-" in test or f"[{way}]" in test)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    return _ByWay(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def _standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Standing]:
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    with make_lab(tmp_path_factory.mktemp("lab")) as place:
        yield _Standing(place, start_servers(place))


@pytest.fixture(scope="session")
def lab(_standing: _Standing) -> Lab:
    """Namespaces and running servers: `lab.run("child", argv)`, `lab.popen("gateway", argv)`, `lab.addresses.web4`."""
    return _standing.lab


@pytest.fixture(scope="session")
def internet(_standing: _Standing) -> Internet:
    """What runs in the internet; `internet.authority` is the certificate to trust."""
    return _standing.internet


@pytest.fixture(scope="module")
def evasion_field(lab: Lab, internet: Internet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """Servers that keep a record of every name they complete, and a client that no kernel disturbs."""
    with field(lab, tmp_path_factory.mktemp("evasion")) as ready:
        yield ready
