import shutil
import subprocess

import pytest

from fastpath.siphash import digest

KEY = bytes(range(16))


def test_the_authors_vectors_of_the_128_bit_variant() -> None:
    # vectors_sip128 of the reference implementation: the message is the octets 0, 1, … n-1
    assert digest(KEY, b"").hex() == "a3817f04ba25a8e66df67214c7550293"
    assert digest(KEY, bytes(1)).hex() == "da87c1d86b99af44347659119b22fc45"


def test_openssl_says_the_same_for_every_length_up_to_three_blocks() -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    for n in range(0, 25):
        said = subprocess.run(
            ["openssl", "mac", "-macopt", f"hexkey:{KEY.hex()}", "-macopt", "size:16", "-in", "/dev/stdin", "SIPHASH"],
            input=bytes(range(n)), capture_output=True, check=True)

        assert digest(KEY, bytes(range(n))).hex() == said.stdout.decode().strip().lower()


def test_another_key_gives_another_digest() -> None:
    assert digest(KEY, b"name") != digest(bytes(16), b"name")


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="a key has 16"):
        digest(b"short", b"name")
