import pytest

from fastpath.images.verdict import Reason
from filterd.roles.gate import pages_of
from mgmt.settings import Settings


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
