from fastpath.images.verdict import Reason
from filterd.roles.gate import pages_of
from mgmt.settings import Settings


def test_every_reason_that_can_block_has_its_page() -> None:
    pages = pages_of(Settings(isp_name="Example ISP"))

    assert set(pages) == {Reason.ORDER, Reason.CSAM, Reason.CATEGORY, Reason.SCHEDULE, Reason.PAUSE, Reason.SECURITY}
    assert pages[Reason.ORDER][0].startswith(b"HTTP/1.1 451 ")
    assert pages[Reason.PAUSE][0].startswith(b"HTTP/1.1 511 ")


def test_the_page_of_a_confidential_list_has_no_place_for_a_name() -> None:
    pages = pages_of(Settings())

    assert pages[Reason.CSAM][1] == b""
