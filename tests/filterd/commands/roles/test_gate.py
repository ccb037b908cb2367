from pathlib import Path

import pytest

from fastpath.images.verdict import Reason
from filterd.commands.roles.gate import GatePages, pages_of
from filterd.commands.roles.packet_gate.front import GateFront, Pages
from filterd.config.desk_file import page_settings_of, write_desk
from filterd.config.load import read_config
from mgmt.registers.settings.page_settings import Helpline, Settings
from mgmt.registers.settings.shapes import DeskSettings


@pytest.mark.parametrize("language", ["en", "ur"])
def test_every_reason_that_can_block_has_its_page_in_each_language(language: str) -> None:
    pages = pages_of(Settings(isp_name="Example ISP"))[language]

    assert set(pages) == set(Reason) - {Reason.DEFAULT, Reason.HELP}
    assert pages[Reason.ORDER][0].startswith(b"HTTP/1.1 451 ")
    assert pages[Reason.PAUSE][0].startswith(b"HTTP/1.1 511 ")
    assert pages[Reason.SOFT_LOCK][0].startswith(b"HTTP/1.1 403 "), "a phone must not take the network for closed"


@pytest.mark.parametrize(("first", "order"), [("en", ["en", "ur"]), ("ur", ["ur", "en"])])
def test_the_operator_s_first_language_is_that_of_who_prefers_none(first: str, order: list[str]) -> None:
    assert list(pages_of(Settings(first_language=first))) == order


def test_the_page_of_a_confidential_list_has_no_place_for_a_name() -> None:
    pages = pages_of(Settings())

    assert pages["en"][Reason.CSAM][1] == pages["ur"][Reason.CSAM][1] == b""


def test_pages_of_a_running_gate_are_made_again_only_where_they_name_something_else(tmp_path: Path) -> None:
    shown: list[Pages] = []

    class Front(GateFront):
        def __init__(self) -> None:
            """It has no loop."""

        def use_pages(self, pages: Pages) -> None:
            shown.append(pages)

    config = read_config(b"state_dir: state\ndns: {upstreams: ['192.0.2.53:53']}\n", "x", tmp_path)
    pages = GatePages(Front(), page_settings_of(config))

    pages.take(config, config)
    assert shown == []
    write_desk(config, DeskSettings(helplines=(Helpline("15", "police", "پولیس"),)))
    for _ in range(2):
        pages.take(config, config)

    [made] = shown
    assert b"tel:15" in made["en"][Reason.CSAM][0]
