from pathlib import Path

import pytest
from aiohttp import web
from support.lists.one_list import HOUR, NOW, config_of, drop, faults, file_of, good_text, kept, names, pull, take_in
from support.lists.server import serving
from support.lists.signer import Signer
from support.present import present

from filterd.config import Config
from filterd.lists.signatures import NotSigned, check_signature, signature_path, signature_url
from filterd.lists.status import waiting

pytestmark = pytest.mark.services


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer(tmp_path / "publisher")


@pytest.fixture
def signed(tmp_path: Path, signer: Signer) -> Config:
    """A list that is dropped with a signature."""
    (tmp_path / "pta.txt").write_text(names(range(100)))
    return config_of(tmp_path, f"file: pta.txt, format: plain, minisign: {signer.key}")


def test_a_signature_fits_its_octets_and_its_key_alone(tmp_path: Path, signer: Signer) -> None:
    (tmp_path / "list").write_text("a.example")
    signature = signer.sign(tmp_path / "list")
    check_signature(tmp_path / "list", signature, signer.key)

    with pytest.raises(NotSigned, match="does not fit"):
        check_signature(tmp_path / "list", signature, Signer(tmp_path / "other").key)
    (tmp_path / "list").write_text("b.example")
    with pytest.raises(NotSigned, match="does not fit"):
        check_signature(tmp_path / "list", signature, signer.key)


def test_a_signature_lies_beside_its_list() -> None:
    assert signature_path(Path("/a/list.txt.gz")) == Path("/a/list.txt.gz.minisig")
    assert signature_url("https://a.example/list.txt?key=1") == "https://a.example/list.txt.minisig?key=1"


def test_without_the_program_nothing_is_taken(tmp_path: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "list").write_text("a.example")
    signature = signer.sign(tmp_path / "list")
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(NotSigned, match="minisign is not installed"):
        check_signature(tmp_path / "list", signature, signer.key)


def test_a_file_without_its_signature_is_not_taken_until_it_comes(signed: Config, signer: Signer) -> None:
    assert take_in(signed).good is None
    assert "its signature is missing or does not fit the key; not taken" in faults(signed)
    assert waiting(signed, NOW, 0.0) == []

    signer.sign(file_of(signed))
    assert waiting(signed, NOW, 0.0) == ["pta"]
    assert present(take_in(signed).good).n_rules == 100
    assert faults(signed) == ""


def test_a_file_that_was_changed_after_it_was_signed_leaves_the_last_good_one(signed: Config, signer: Signer) -> None:
    signer.sign(file_of(signed))
    take_in(signed)
    drop(signed, names(range(101)))

    assert (take_in(signed).waiting, good_text(signed)) == (None, names(range(100)))
    assert "does not fit the key; not taken" in faults(signed)
    assert "the last good version" in faults(signed)


async def test_a_pulled_list_is_taken_by_the_signature_beside_it(tmp_path: Path, signer: Signer) -> None:
    served = tmp_path / "served"
    served.mkdir()
    (served / "list.txt").write_text(names(range(100)))

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.FileResponse(served / request.path.rpartition("/")[2])

    async with serving(answer) as url:
        base = url.rpartition("/")[0] if url.count("/") > 2 else url
        config = config_of(tmp_path, f"url: {base}/list.txt, format: plain, minisign: {signer.key}")
        assert (await pull(config)).good is None
        assert "list.txt.minisig: " in faults(config)

        signer.sign(served / "list.txt")
        assert present((await pull(config, NOW + HOUR)).good).n_rules == 100

        (served / "list.txt").write_text(names(range(101)))
        assert present((await pull(config, NOW + 2 * HOUR)).good).n_rules == 100
        assert "does not fit the key; not taken" in faults(config, NOW + 2 * HOUR)
        signer.sign(served / "list.txt")
        assert present((await pull(config, NOW + 3 * HOUR)).good).n_rules == 101


async def test_a_list_that_was_taken_without_a_signature_is_asked_for_anew_by_a_key(
    tmp_path: Path, signer: Signer
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path.endswith(".minisig"):
            raise web.HTTPNotFound
        return web.Response(text=names(range(100)), headers={"ETag": '"1"'})

    async with serving(answer) as url:
        await pull(config_of(tmp_path, f"url: {url}, format: plain"))
        config = config_of(tmp_path, f"url: {url}, format: plain, minisign: {signer.key}")
        await pull(config, NOW + HOUR)

    assert "minisig" in faults(config, NOW + HOUR)
    assert present(kept(config).good).n_rules == 100
