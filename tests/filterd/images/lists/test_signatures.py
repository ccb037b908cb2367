import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web
from support.lists.one_list import HOUR, NOW, config_of, drop, faults, file_of, good_text, kept, names, pull, take_in
from support.lists.server import serving
from support.lists.signer import PgpSigner, Signer
from support.present import present

from filterd.config import Config
from filterd.images.lists.signatures import SignatureMismatch, SignatureScheme
from filterd.images.lists.status import waiting

pytestmark = pytest.mark.services


@pytest.fixture
def home() -> Iterator[Path]:
    """A short path: GnuPG's agent listens on a socket in it."""
    with tempfile.TemporaryDirectory(prefix="pgp-") as name:
        yield Path(name)


@pytest.fixture(params=["minisign", "pgp"])
def signer(request: pytest.FixtureRequest, home: Path) -> Iterator[Signer | PgpSigner]:
    made = Signer(home / "publisher") if request.param == "minisign" else PgpSigner(home / "publisher")
    yield made
    made.end()


@pytest.fixture
def signed(tmp_path: Path, signer: Signer | PgpSigner) -> Config:
    """A list that is dropped with a signature."""
    (tmp_path / "pta.txt").write_text(names(range(100)))
    return config_of(tmp_path, f"file: pta.txt, format: plain, {signer.option}")


def test_a_signature_fits_its_octets_and_its_key_alone(tmp_path: Path, home: Path, signer: Signer | PgpSigner) -> None:
    listed = tmp_path / "list"
    listed.write_text("a.example")
    signature = signer.sign(listed)
    signer.signing.check(listed, signature)

    other = type(signer)(home / "other")
    other.end()
    with pytest.raises(SignatureMismatch, match="does not fit"):
        other.signing.check(listed, signature)
    listed.write_text("b.example")
    with pytest.raises(SignatureMismatch, match="does not fit"):
        signer.signing.check(listed, signature)


def test_a_signature_lies_beside_its_list() -> None:
    minisign, pgp = SignatureScheme("minisign", "RW", ".minisig"), SignatureScheme("gpgv", Path("/keys"), ".asc")

    assert minisign.path(Path("/a/list.txt.gz")) == Path("/a/list.txt.gz.minisig")
    assert pgp.path(Path("/a/list.txt.gz")) == Path("/a/list.txt.gz.asc")
    assert pgp.url("https://a.example/list.txt?key=1") == "https://a.example/list.txt.asc?key=1"


def test_without_the_program_nothing_is_taken(
    tmp_path: Path, signer: Signer | PgpSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "list").write_text("a.example")
    signature = signer.sign(tmp_path / "list")

    with (
        monkeypatch.context() as patched,
        pytest.raises(SignatureMismatch, match="is not installed; not taken; install the"),
    ):
        patched.setenv("PATH", "/nowhere")
        signer.signing.check(tmp_path / "list", signature)


@pytest.mark.parametrize(
    "signature", [b"", b"no signature", b"-----BEGIN PGP SIGNATURE-----\n\niHUEABYK\n", bytes(9000)]
)
def test_what_is_no_signature_fits_nothing(tmp_path: Path, signer: Signer | PgpSigner, signature: bytes) -> None:
    (tmp_path / "list").write_text("a.example")
    (tmp_path / "signature").write_bytes(signature)

    with pytest.raises(SignatureMismatch, match="does not fit"):
        signer.signing.check(tmp_path / "list", tmp_path / "signature")


def test_a_signature_over_a_digest_that_can_be_forged_is_none(tmp_path: Path, home: Path) -> None:
    signer = PgpSigner(home / "publisher", algorithm="rsa2048")
    (tmp_path / "list").write_text("a.example")
    good = signer.sign(tmp_path / "list", "--digest-algo", "SHA256")
    signer.signing.check(tmp_path / "list", good)
    weak = signer.sign(tmp_path / "list", "--digest-algo", "SHA1")
    signer.end()

    with pytest.raises(SignatureMismatch, match="does not fit"):
        signer.signing.check(tmp_path / "list", weak)


def test_a_second_signature_that_is_not_known_spoils_the_first(tmp_path: Path, home: Path) -> None:
    known, stranger = PgpSigner(home / "known"), PgpSigner(home / "stranger")
    (tmp_path / "list").write_text("a.example")
    parts = [each.sign(tmp_path / "list", "--no-armor").read_bytes() for each in (known, stranger)]
    for each in (known, stranger):
        each.end()
    (tmp_path / "both").write_bytes(b"".join(parts))

    with pytest.raises(SignatureMismatch, match="does not fit"):
        known.signing.check(tmp_path / "list", tmp_path / "both")


class LongAgo(PgpSigner):
    """Makes its key, and signs, in one second of the past: nobody has to be quick, nor to wait until the key ends."""

    def _run(self, *arguments: str | Path) -> None:
        super()._run("--faked-system-time", "20260101T000000!", *arguments)


def test_a_key_that_has_expired_signs_no_longer(tmp_path: Path, home: Path) -> None:
    lasting, expired = LongAgo(home / "lasting"), LongAgo(home / "publisher", expires="seconds=2")
    (tmp_path / "list").write_text("a.example")
    lasting.signing.check(tmp_path / "list", lasting.sign(tmp_path / "list"))  # its age alone is no fault
    signature = expired.sign(tmp_path / "list")
    for each in (lasting, expired):
        each.end()

    with pytest.raises(SignatureMismatch, match="does not fit"):
        expired.signing.check(tmp_path / "list", signature)


def test_a_list_whose_keys_were_changed_is_judged_by_the_new_ones(tmp_path: Path, home: Path) -> None:
    first, second = PgpSigner(home / "first"), PgpSigner(home / "second")
    before = first.signing.identity
    first.keys.write_bytes(second.keys.read_bytes())
    for each in (first, second):
        each.end()

    assert first.signing.identity == second.signing.identity != before


def test_a_file_without_its_signature_is_not_taken_until_it_comes(signed: Config, signer: Signer | PgpSigner) -> None:
    assert take_in(signed).good is None
    assert "its signature is missing or does not fit the key; not taken" in faults(signed)
    assert waiting(signed, NOW, 0.0) == []

    signer.sign(file_of(signed))
    assert waiting(signed, NOW, 0.0) == ["pta"]
    assert present(take_in(signed).good).n_rules == 100
    assert faults(signed) == ""


def test_a_file_that_was_changed_after_it_was_signed_leaves_the_last_good_one(
    signed: Config, signer: Signer | PgpSigner
) -> None:
    signer.sign(file_of(signed))
    take_in(signed)
    drop(signed, names(range(101)))

    assert (take_in(signed).waiting, good_text(signed)) == (None, names(range(100)))
    assert "does not fit the key; not taken" in faults(signed)
    assert "the last good version" in faults(signed)


async def test_a_pulled_list_is_taken_by_the_signature_beside_it(tmp_path: Path, signer: Signer | PgpSigner) -> None:
    served = tmp_path / "served"
    served.mkdir()
    (served / "list.txt").write_text(names(range(100)))

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.FileResponse(served / request.path.rpartition("/")[2])

    async with serving(answer) as url:
        base = url.rpartition("/")[0] if url.count("/") > 2 else url
        config = config_of(tmp_path, f"url: {base}/list.txt, format: plain, {signer.option}")
        assert (await pull(config)).good is None
        assert f"list.txt{signer.signing.suffix}: " in faults(config)

        signer.sign(served / "list.txt")
        assert present((await pull(config, NOW + HOUR)).good).n_rules == 100

        (served / "list.txt").write_text(names(range(101)))
        assert present((await pull(config, NOW + 2 * HOUR)).good).n_rules == 100
        assert "does not fit the key; not taken" in faults(config, NOW + 2 * HOUR)
        signer.sign(served / "list.txt")
        assert present((await pull(config, NOW + 3 * HOUR)).good).n_rules == 101


async def test_a_list_that_was_taken_without_a_signature_is_asked_for_anew_by_a_key(
    tmp_path: Path, signer: Signer | PgpSigner
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path.endswith((".minisig", ".asc")):
            raise web.HTTPNotFound
        return web.Response(text=names(range(100)), headers={"ETag": '"1"'})

    async with serving(answer) as url:
        await pull(config_of(tmp_path, f"url: {url}, format: plain"))
        config = config_of(tmp_path, f"url: {url}, format: plain, {signer.option}")
        await pull(config, NOW + HOUR)

    assert signer.signing.suffix in faults(config, NOW + HOUR)
    assert present(kept(config).good).n_rules == 100
