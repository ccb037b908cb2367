import os
from pathlib import Path

import pytest

from filterd.process.passed_files import passed_files, read_whole


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({"LISTEN_PID": str(os.getpid()), "LISTEN_FDNAMES": "queues:other"}, {"queues": 3, "other": 4}),
        ({"LISTEN_PID": "7", "FILTERD_PARENT": "7", "LISTEN_FDNAMES": "queues"}, {"queues": 3}),
        ({"LISTEN_PID": "7", "FILTERD_PARENT": "8", "LISTEN_FDNAMES": "queues"}, {}),
        ({"LISTEN_PID": "7", "LISTEN_FDNAMES": "queues"}, {}),
        ({"LISTEN_PID": str(os.getpid())}, {}),
        ({}, {}),
    ],
    ids=["ours", "our supervisor's", "another supervisor's", "another's", "none", "no systemd"],
)
def test_files_are_ours_where_systemd_says_so(environ: dict[str, str], found: dict[str, int]) -> None:
    assert passed_files(environ) == found


def test_a_passed_file_is_read_from_its_beginning_each_time(tmp_path: Path) -> None:
    place = tmp_path / "table"
    place.write_text("1\n")
    with place.open("rb") as file:
        first = read_whole(file.fileno())
        place.write_text("2\n")

        assert (first, read_whole(file.fileno())) == ("1\n", "2\n")
