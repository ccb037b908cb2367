"""An alarm as a signed POST, checked by the receiver as any reader of RFC 9421 does."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import HTTPMessageVerifier
from http_message_signatures.algorithms import ED25519
from http_message_signatures.exceptions import InvalidSignature
from http_message_signatures.resolvers import MappingKeyResolver
from support.system.receivers import Hook, webhook

from filterd.control.escalation.failed import DeliveryFailure
from filterd.control.escalation.webhook import post

pytestmark = pytest.mark.services

KEY = Ed25519PrivateKey.generate()
BODY = b'{"order":7}'
COVERED = ("@method", "@authority", "@path", "@query", "content-digest", "idempotency-key")


class Received(NamedTuple):
    method: str
    url: str
    headers: dict[str, str]


@pytest.fixture
def hook(tmp_path: Path) -> Iterator[Hook]:
    with webhook(tmp_path) as hook:
        yield hook


def verify(hook: Hook, headers: dict[str, str], body: bytes) -> Any:
    name = KEY.public_key().public_bytes_raw().hex()
    resolver = MappingKeyResolver(public_keys={name: KEY.public_key()}, private_keys={})
    verifier = HTTPMessageVerifier(signature_algorithm=ED25519, key_resolver=resolver)
    return verifier.verify(Received("POST", hook.url, headers), require_components=COVERED, body=body)


def test_the_receiver_can_check_who_has_sent_what_to_whom_and_knows_a_second_copy(hook: Hook) -> None:
    for _ in range(2):
        post(hook.url, BODY, "a1b2", KEY, hook.certificate)

    first, second = hook.taken
    for headers, body in hook.taken:
        assert (body, headers["Idempotency-Key"]) == (BODY, "a1b2")
        assert verify(hook, headers, body)
    assert first[0]["Signature"] != second[0]["Signature"]


def test_neither_content_nor_key_can_be_changed_on_the_way(hook: Hook) -> None:
    post(hook.url, BODY, "a1b2", KEY, hook.certificate)
    ((headers, body),) = hook.taken

    with pytest.raises(InvalidSignature):
        verify(hook, headers, body + b" ")
    with pytest.raises(InvalidSignature):
        verify(hook, {**headers, "Idempotency-Key": "c3d4"}, body)


@pytest.mark.parametrize("status", [302, 404, 500])
def test_an_answer_that_is_no_yes_is_a_fault_and_no_redirect_is_followed(hook: Hook, status: int) -> None:
    hook.status = status

    with pytest.raises(DeliveryFailure, match=f"^it answered {status}$"):
        post(hook.url, BODY, "a1b2", KEY, hook.certificate)

    assert len(hook.taken) == 1


def test_a_receiver_without_a_certificate_that_is_trusted_gets_nothing(hook: Hook) -> None:
    with pytest.raises(DeliveryFailure, match="certificate verify failed"):
        post(hook.url, BODY, "a1b2", KEY, None)

    assert hook.taken == []


def test_no_receiver_is_a_reason_too() -> None:
    with pytest.raises(DeliveryFailure, match=r"^Connection refused$"):
        post("http://127.0.0.1:1/", BODY, "a1b2", KEY, None)
