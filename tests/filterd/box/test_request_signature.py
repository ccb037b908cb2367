"""What the command signs, openssl would have signed; against the role that takes it see tests/filterd/commands."""

import base64
import hashlib
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from support.present import present

from filterd.box.errors import WrongUse
from filterd.box.request_signature import sign

PEM = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
URL = "https://Desk.isp.example:443/v1/orders?wait=15"


@pytest.mark.parametrize(
    ("url", "lines"),
    [
        (URL, ['"@authority": desk.isp.example', '"@path": /v1/orders', '"@query": ?wait=15']),
        ("http://127.0.0.1:8080/v1/orders", ['"@authority": 127.0.0.1:8080', '"@path": /v1/orders']),
    ],
)
def test_method_host_path_query_and_content_are_signed(tmp_path: Path, url: str, lines: list[str]) -> None:
    key, headers = Ed25519PrivateKey.generate(), {"Content-Type": "application/json"}
    (tmp_path / "key").write_bytes(key.private_bytes(*PEM))

    sign(headers, "POST", url, b"{}", tmp_path / "key")

    digest = f'"content-digest": sha-256=:{base64.b64encode(hashlib.sha256(b"{}").digest()).decode()}:'
    label, params = headers["Signature-Input"].split("=", 1)
    base = "\n".join(['"@method": POST', *lines, digest, f'"@signature-params": {params}'])
    signature = present(re.fullmatch(rf"{label}=:(.*):", headers["Signature"]))[1]
    key.public_key().verify(base64.b64decode(signature), base.encode())
    assert f'keyid="{key.public_key().public_bytes_raw().hex()}"' in params
    assert "created=" in params and "nonce=" in params


def test_each_signature_has_a_nonce_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(Ed25519PrivateKey.generate().private_bytes(*PEM))
    found = []
    for _ in range(2):
        headers: dict[str, str] = {}
        sign(headers, "POST", URL, b"{}", tmp_path / "key")
        found.append(present(re.search(r'nonce="(.*?)"', headers["Signature-Input"]))[1])

    assert found[0] != found[1]


def test_a_key_of_another_kind_signs_nothing(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(generate_private_key(SECP256R1()).private_bytes(*PEM))

    with pytest.raises(WrongUse, match="no Ed25519 key; nothing done"):
        sign({}, "POST", URL, b"{}", tmp_path / "key")
