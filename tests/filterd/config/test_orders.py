"""What the configuration says of orders' deadlines, and what it may not say."""

from pathlib import Path

import pytest

from filterd.config import BadConfig, read_config

DNS = "dns: {upstreams: ['192.0.2.53:53']}\n"


def faults(tmp_path: Path, orders: str) -> str:
    with pytest.raises(BadConfig) as caught:
        read_config(f"{DNS}orders: {orders}".encode(), "x", tmp_path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("{deadlines: [{kind: routine}]}", "/orders/deadlines/0/within"),
        ("{deadlines: [{within: 10s}]}", "out of range"),
        ("{deadlines: [{within: 2h, kind: urgent}]}", "/orders/deadlines/0/kind"),
        ("{deadlines: [{within: 2h, since: soon}]}", "'soon' is not a day"),
    ],
)
def test_a_deadline_that_is_none_is_refused_with_its_place(tmp_path: Path, said: str, fault: str) -> None:
    assert fault in faults(tmp_path, said)
