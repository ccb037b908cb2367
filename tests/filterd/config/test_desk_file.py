import logging
from pathlib import Path

import pytest

from filterd.config import Config
from filterd.config.desk_file import desk_path, page_settings_of, read_desk, write_desk
from filterd.config.load import read_config
from mgmt.registers.settings.page_settings import HELPLINES, Helpline
from mgmt.registers.settings.shapes import NOTHING, DeskSettings, Isp

SAID = DeskSettings(helplines=(Helpline("15", "police", "پولیس"),))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return read_config(b"state_dir: state\ndns: {upstreams: ['192.0.2.53:53']}\n", "x", tmp_path)


def test_what_control_writes_is_what_others_read(config: Config) -> None:
    assert read_desk(config) == NOTHING
    write_desk(config, SAID)

    assert read_desk(config) == SAID
    assert page_settings_of(config).helplines == SAID.helplines
    assert desk_path(config).stat().st_mode & 0o777 == 0o644
    write_desk(config, NOTHING)
    assert page_settings_of(config).helplines == HELPLINES


@pytest.mark.parametrize("octets", [b"", b"{", b"\xff", b'{"helplines": 1}', b'{"unknown": 1}', b"[]"])
def test_a_file_that_cannot_be_read_changes_nothing_and_is_told(
    config: Config, octets: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    write_desk(config, SAID)
    desk_path(config).write_bytes(octets)

    with caplog.at_level(logging.WARNING):
        assert page_settings_of(config).helplines == HELPLINES

    assert "desk.json" in caplog.text and "not believed" in caplog.text


def test_a_file_that_others_can_write_or_a_link_is_not_believed(config: Config, tmp_path: Path) -> None:
    write_desk(config, DeskSettings(isp=Isp(name="Another")))
    desk_path(config).chmod(0o666)
    assert read_desk(config) == NOTHING

    elsewhere = tmp_path / "elsewhere"
    desk_path(config).rename(elsewhere)
    elsewhere.chmod(0o644)
    desk_path(config).symlink_to(elsewhere)
    assert read_desk(config) == NOTHING
