"""What `filterd orders push-sealed` says of a file before it is sent; that it is taken: tests/hostile/marker.py."""

from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from filterd.cli import main
from filterd.client.order_sealed import FORMATS, MAX_OCTETS
from mgmt.contract.shapes import MAX_ORDER_OCTETS
from mgmt.web.api.letters.sealed import PushedSealedOrder


def test_a_file_that_no_order_may_have_is_not_sent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = ["orders", "push-sealed", "--issuer", "PTA", "--ref", "1", "--ground", "g"]
    assert main([*said, str(tmp_path / "none")]) == 2
    assert "No such file" in capsys.readouterr().err

    with (tmp_path / "large").open("wb") as file:
        file.truncate(MAX_OCTETS + 1)
    assert main([*said, str(tmp_path / "large")]) == 2
    assert "larger than 11 MiB; nothing pushed" in capsys.readouterr().err


def test_the_command_takes_what_the_api_takes() -> None:
    assert get_args(get_type_hints(PushedSealedOrder)["format"]) == FORMATS
    assert MAX_OCTETS * 4 / 3 < MAX_ORDER_OCTETS - 2**20
