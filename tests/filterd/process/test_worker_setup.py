import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from dns.base.errors import BadCertificate
from filterd.config import Config
from filterd.config.accepted import accept
from filterd.process.worker_setup import WorkerSetup

SAID = "state_dir: state\ndns: {upstreams: ['192.0.2.53:53']}\n"


@pytest.fixture(autouse=True)
def level() -> Iterator[None]:
    before = logging.getLogger().level
    yield
    logging.getLogger().setLevel(before)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "f.yaml"
    path.write_text(SAID)
    return path


def test_a_worker_takes_what_it_can_and_keeps_the_rest(source: Path) -> None:
    asked: list[tuple[Config, Config]] = []
    setup = WorkerSetup("dns", accept(source).config, source, lambda running, wanted: asked.append((running, wanted)))
    source.write_text("state_dir: state\ndns: {upstreams: ['192.0.2.54:53'], listen: ['192.0.2.1:53']}\n")
    digest = accept(source).digest

    setup.take()

    ((running, wanted),) = asked
    assert [str(config.dns.upstreams[0]) for config in (running, wanted)] == ["192.0.2.53:53", "192.0.2.54:53"]
    assert wanted.dns.listen == running.dns.listen
    assert setup.digest == digest


def test_a_file_that_was_not_accepted_is_not_taken(source: Path) -> None:
    asked: list[Config] = []
    setup = WorkerSetup("dns", accept(source).config, source, lambda _, wanted: asked.append(wanted))
    source.write_text(SAID.replace(".53:", ".54:"))

    setup.take()

    assert str(asked[0].dns.upstreams[0]) == "192.0.2.53:53"


def test_what_cannot_be_taken_leaves_all_as_it_was(source: Path) -> None:
    seen: list[Config] = []

    def refuse(running: Config, _: Config) -> None:
        seen.append(running)
        raise BadCertificate("junk")

    setup = WorkerSetup("dns", accept(source).config, source, refuse)
    source.write_text(SAID + "log_level: debug\n")
    accept(source)

    for _ in range(2):
        with pytest.raises(BadCertificate):
            setup.take()
    assert [config.log_level for config in seen] == ["info", "info"]
    assert logging.getLogger().level != logging.DEBUG


def test_the_log_level_is_taken(source: Path) -> None:
    setup = WorkerSetup("gate", accept(source).config, source)
    source.write_text(SAID + "log_level: debug\n")
    accept(source)

    assert setup.take() is None
    assert logging.getLogger().level == logging.DEBUG
