import logging
from pathlib import Path

import pytest

from fastpath.report.counters import Counters
from filterd.commands.roles.packet_gate.queue_drops import Overrun, dropped

# As Linux prints it: number, port, waiting, copy mode, copy range, dropped by queue and by socket, last id, 1.
QUEUES = """\
    7   4711   256 2 65535     {}     {}    99312  1
    8   4712     0 2 65535   500     0      812  1
"""


@pytest.fixture
def counters(tmp_path: Path) -> Counters:
    return Counters(tmp_path / "counters")


def test_what_the_queue_and_its_socket_drop_is_counted_once(tmp_path: Path, counters: Counters) -> None:
    queues = tmp_path / "queues"
    overrun = Overrun(7, counters, queues.read_text)
    seen = []
    for by_queue, by_socket in ((0, 0), (40, 2), (40, 2), (41, 2)):
        queues.write_text(QUEUES.format(by_queue, by_socket))
        overrun.tend()
        seen.append(counters.values()["gate_queue_overrun"])

    assert seen == [0, 42, 42, 43]


def test_a_queue_that_begins_anew_takes_nothing_away(tmp_path: Path, counters: Counters) -> None:
    queues = tmp_path / "queues"
    overrun = Overrun(7, counters, queues.read_text)
    for by_queue in (40, 0, 5):
        queues.write_text(QUEUES.format(by_queue, 0))
        overrun.tend()

    assert counters.values()["gate_queue_overrun"] == 45


def test_a_queue_that_is_not_there_has_dropped_nothing() -> None:
    assert (dropped("", 7), dropped(QUEUES.format(1, 2), 9), dropped(QUEUES.format(1, 2), 8)) == (0, 0, 500)


def test_a_table_that_may_not_be_read_is_told_once(
    tmp_path: Path, counters: Counters, caplog: pytest.LogCaptureFixture
) -> None:
    overrun = Overrun(7, counters, (tmp_path / "absent").read_text)
    with caplog.at_level(logging.WARNING):
        overrun.tend()
        overrun.tend()

    assert [record.message.partition("; ")[2] for record in caplog.records] == [
        "drops of a full queue are not counted; start it by the unit or as root"
    ]
