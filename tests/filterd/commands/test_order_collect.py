"""What `filterd orders collect` says of wrong use, before it opens anything."""

from pathlib import Path

import pytest

from filterd.cli import main


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ((), "no key of the issuer"),
        (("--pgp", "/nonexistent"), "no file"),
        (("--pgp", "{key}"), "nowhere to look"),
        (("--pgp", "{key}", "--folder", "/nonexistent"), "--folder /nonexistent: no folder; nothing taken; name"),
        (("--pgp", "{key}", "--imap", "localhost"), "no user or password"),
        (("--pgp", "{key}", "--imap", "a:b", "--imap-user", "a", "--imap-password", "{key}"), "no port"),
        (("--pgp", "{key}", "--folder", ".", "--seen", "{key}"), "damaged"),
    ],
)
def test_wrong_use_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], said: tuple[str, ...], why: str) -> None:
    key = tmp_path / "key"
    key.write_text("{")
    given = [each.replace("{key}", str(key)) for each in said]

    assert (
        main(["orders", "collect", "--issuer", "PTA", "--ground", "g", "--seen", str(tmp_path / "seen"), *given]) == 2
    )
    assert why in capsys.readouterr().err
