"""What `filterd orders import` says of a file before it is sent."""

from pathlib import Path

import pytest

from filterd.cli import main
from mgmt.contract.shapes import MAX_ORDER_OCTETS


def test_a_file_that_no_order_may_have_is_not_sent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = ["orders", "import", "--issuer", "PTA", "--ground", "g"]
    assert main([*said, str(tmp_path / "none")]) == 2
    assert "No such file" in capsys.readouterr().err

    with (tmp_path / "large").open("wb") as file:
        file.truncate(MAX_ORDER_OCTETS)
    assert main([*said, str(tmp_path / "large")]) == 2
    assert "larger than 16 MiB; nothing pushed" in capsys.readouterr().err
