import shutil
import subprocess

import pytest

from fastpath.base.siphash import digest, short_digest, table_hash

KEY = bytes(range(16))


def test_the_authors_vectors_of_the_128_bit_variant() -> None:
    # vectors_sip128 of the reference implementation: the message is the octets 0, 1, … n-1
    assert digest(KEY, b"").hex() == "a3817f04ba25a8e66df67214c7550293"
    assert digest(KEY, bytes(1)).hex() == "da87c1d86b99af44347659119b22fc45"


@pytest.mark.services
def test_openssl_says_the_same_for_every_length_up_to_three_blocks() -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    for n in range(0, 25):
        said = subprocess.run(
            ["openssl", "mac", "-macopt", f"hexkey:{KEY.hex()}", "-macopt", "size:16", "-in", "/dev/stdin", "SIPHASH"],
            input=bytes(range(n)),
            capture_output=True,
            check=True,
        )

        assert digest(KEY, bytes(range(n))).hex() == said.stdout.decode().strip().lower()


def test_another_key_gives_another_digest() -> None:
    assert digest(KEY, b"name") != digest(bytes(16), b"name")


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="a key has 16"):
        digest(b"short", b"name")


def test_the_authors_vectors_of_the_64_bit_variant() -> None:
    # vectors_sip64 of the reference implementation
    assert short_digest(KEY, b"").hex() == "310e0edd47db6f72"
    assert short_digest(KEY, bytes(1)).hex() == "fd67dc93c539f874"


@pytest.mark.services
def test_openssl_says_the_same_of_the_64_bit_variant() -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    for n in range(0, 25):
        said = subprocess.run(
            ["openssl", "mac", "-macopt", f"hexkey:{KEY.hex()}", "-macopt", "size:8", "-in", "/dev/stdin", "SIPHASH"],
            input=bytes(range(n)),
            capture_output=True,
            check=True,
        )

        assert short_digest(KEY, bytes(range(n))).hex() == said.stdout.decode().strip().lower()


def test_a_key_of_another_length_makes_no_short_digest() -> None:
    with pytest.raises(ValueError, match="a key has 16"):
        short_digest(b"short", b"name")


@pytest.mark.services
def test_openssl_says_the_same_of_the_variant_for_hash_tables() -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    options = [f"hexkey:{KEY.hex()}", "size:8", "c-rounds:1", "d-rounds:3"]
    for n in (0, 7, 8, 40):
        said = subprocess.run(
            ["openssl", "mac", *(f"-macopt={each}" for each in options), "-in", "/dev/stdin", "SIPHASH"],
            input=bytes(range(n)),
            capture_output=True,
            check=True,
        )

        assert table_hash(KEY, bytes(range(n))).hex() == said.stdout.decode().strip().lower()
