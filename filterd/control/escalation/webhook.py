"""An alarm as a signed POST: JSON, with the key of the notice, and this box's signature over it.

Covered: method, host, path, query, content and Idempotency-Key.  Each try is signed again, so that `created` is new.
Invariants: no redirect is followed and no proxy of the environment used; of the answer only the status counts.
Source: RFC 9421 (HTTP message signatures), RFC 9530 (Content-Digest), RFC 8032 (Ed25519).
"""

import http.client
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from filterd.box.request_signature import sign_with
from filterd.control.escalation.failed import DeliveryFailure

TIMEOUT_S = 20.0  # of each step


class _Straight(urllib.request.HTTPRedirectHandler):
    """An answer that sends us elsewhere is an answer."""

    def redirect_request(self, *_: Any) -> None:
        return None


def post(url: str, body: bytes, key: str, signing: Ed25519PrivateKey, ca: Path | None) -> None:
    """Post a message.   key  of the notice.   Raises DeliveryFailure"""
    headers = {"Content-Type": "application/json", "Idempotency-Key": key, "User-Agent": "filterd"}
    try:
        sign_with(signing, headers, "POST", url, body, ("idempotency-key",))
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({}), _Straight()]
        if url.startswith("https:"):
            handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca)))
        request = urllib.request.Request(url, body, headers, method="POST")
        with urllib.request.build_opener(*handlers).open(request, timeout=TIMEOUT_S):
            return
    except urllib.error.HTTPError as refusal:
        with refusal:
            raise DeliveryFailure(f"it answered {refusal.code}") from refusal
    except (OSError, http.client.HTTPException) as reason:
        inner = getattr(reason, "reason", reason)
        words = inner.strerror if isinstance(inner, OSError) and not isinstance(inner, ssl.SSLError) else None
        raise DeliveryFailure((words or str(inner) or type(inner).__name__)[:200]) from reason
