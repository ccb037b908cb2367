import pytest

from mgmt.ledger.checkpoint import Signer
from mgmt.ledger.verifier import open_note, read_key

SEED = bytes(range(32))


def test_the_same_tree_is_signed_with_the_same_octets() -> None:
    assert Signer(SEED, "a.example/log").sign(3, bytes(32)) == Signer(SEED, "a.example/log").sign(3, bytes(32))


def test_another_name_is_another_key() -> None:
    one, other = Signer(SEED, "a.example/log"), Signer(SEED, "b.example/log")

    with pytest.raises(ValueError, match="is not signed by a known key"):
        open_note(one.sign(3, bytes(32)), [other.vkey])


def test_the_verifier_key_is_read_back() -> None:
    signer = Signer(SEED, "a.example/log")

    assert read_key(signer.vkey)[0] == "a.example/log"
    for altered in (signer.vkey[:-1], signer.vkey.replace("a.", "b."), "", "a+b"):
        with pytest.raises(ValueError, match=r"is no Ed25519 key|is not"):
            read_key(altered)
