"""The cut where the kernel tracks no TCP: what it can end it ends, and the receipt does not say more."""

from collections.abc import Iterator

import pytest
from support.gate.cut_box import Box, a_box, go_on
from support.gate.detour import detour

from filterd.lab.servers import Internet
from filterd.lab.topology import Lab

pytestmark = pytest.mark.kernel

SILENCE_S = 2.0


@pytest.fixture(scope="module")
def box(lab: Lab, internet: Internet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with detour(lab), a_box(lab, internet, tmp_path_factory.mktemp("cut"), routing="asymmetric") as found:
        yield found


@pytest.mark.parametrize("family", ["4", "6"])
def test_with_asymmetric_routing_the_cut_ends_what_runs_over_quic_and_its_receipt_says_that_this_is_all(
    box: Box, family: str
) -> None:
    box.close()
    with box.running(family, *(("child", each, "video.test") for each in ("quic still", "https"))) as [quic, https]:
        receipt = box.close("video")

        quic.wait_for_stop(SILENCE_S)
        assert receipt["cut"] == {"at": receipt["cut"]["at"], "ended": 1, "still_open": 0, "by": "quic"}
        go_on([https])
