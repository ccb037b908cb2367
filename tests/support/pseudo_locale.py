"""A language of tests: the catalogue of a slot, filled with marked messages of Urdu, but for some that are missing."""

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

from mgmt.text import catalogue as catalogues
from mgmt.text.language import language
from mgmt.text.slots import NAME as OF_NAME

NAME = "⟦ژبه⟧"
MISSING = 25  # each so many-th message


def offer(code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the slot of a language filled while a test runs."""
    there = folder / "locale"
    copytree(catalogues.FOLDER, there)
    made = Catalog(locale=code)
    for at, (name, text) in enumerate(catalogues.catalogue("ur").texts.items()):
        if name == OF_NAME or at % MISSING:
            made.add(name, NAME if name == OF_NAME else f"⟦{text}⟧")
    with (there / code / "LC_MESSAGES/pages.po").open("wb") as file:
        write_po(file, made)
    monkeypatch.setattr(catalogues, "FOLDER", there)
    _forget()
    yield
    monkeypatch.undo()
    _forget()


def _forget() -> None:
    catalogues.catalogue.cache_clear()
    language.cache_clear()
