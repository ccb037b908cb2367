"""Pushes that an issuer signs: what openssl signs is taken once, and nothing else of an issuer with a key is."""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select
from support.mgmt.desk import NOW, Client, Clock, Desk, DeskOf
from support.mgmt.events import events_of
from support.mgmt.issuer import OF_PUBLIC_KEY, OpensslIssuer

from parental.store.database import reading, writing
from parental.store.schema.access import push_nonces
from parental.store.schema.orders import orders

pytestmark = pytest.mark.services  # openssl
TAKEN = (200, 201, 202)
BODY = json.dumps({"issuer": "PTA", "ref": "1", "ground": "a law", "entries": ["bad.example"]}).encode()
PATH = "/v1/orders"


@pytest.fixture
def issuer(tmp_path: Path, engine: Engine) -> OpensslIssuer:
    found = OpensslIssuer(tmp_path)
    with writing(engine) as conn:
        found.put(conn)
    return found


@pytest.fixture
def host(client: Client) -> str:
    return f"127.0.0.1:{client.server.port}"


async def push(api: Desk, headers: dict[str, str], body: bytes = BODY, path: str = PATH) -> tuple[int, str]:
    status, _, said = await api.raw("POST", path, data=body, headers=headers)
    return status, json.loads(said).get("detail", "")


def refusals(engine: Engine) -> list[dict[str, Any]]:
    with reading(engine) as conn:
        return [each for each in events_of(conn, "orders") if each["action"] == "signature refused"]


async def test_what_openssl_signs_is_taken_and_kept_so_that_openssl_verifies_it(
    desk: DeskOf, issuer: OpensslIssuer, host: str, engine: Engine
) -> None:
    assert (await push(desk("regulator"), issuer.headers(PATH, BODY, host)))[0] in TAKEN

    with reading(engine) as conn:
        row = conn.execute(select(orders)).one()
        pushed = next(each for each in events_of(conn, "orders") if each["action"] == "pushed")
    assert (row.original, row.signing_key) == (BODY, issuer.public_key)
    digest = hashlib.sha256(BODY).hexdigest()
    assert (pushed["said"]["original_sha256"], pushed["said"]["key"]) == (digest, issuer.public_key.hex())
    assert issuer.verifies(row.signed_base, row.signature)
    assert not issuer.verifies(row.signed_base + b" ", row.signature)


async def test_unsigned_is_refused_written_down_and_told_what_to_do(
    desk: DeskOf, issuer: OpensslIssuer, engine: Engine
) -> None:
    for role in ("regulator", "compliance"):
        status, detail = await push(desk(role), {})
        assert (status, "docs/desk/enforcement.md" in detail, "not taken" in detail) == (403, True, True)

    (event, _) = refusals(engine)
    assert event["about"] == {"issuer": "PTA"}
    assert event["said"]["body_sha256"] == hashlib.sha256(BODY).hexdigest()
    assert event["actor"]["kind"] == "token"


async def test_an_issuer_without_a_key_pushes_unsigned(desk: DeskOf) -> None:
    assert (await push(desk("regulator"), {}))[0] in TAKEN


async def test_a_signature_counts_once_and_the_order_is_sent_again_with_a_new_one(
    desk: DeskOf, issuer: OpensslIssuer, host: str, engine: Engine
) -> None:
    api, headers = desk("regulator"), issuer.headers(PATH, BODY, host)
    assert (await push(api, headers))[0] in TAKEN

    status, detail = await push(api, headers)

    assert (status, "used before" in detail, len(refusals(engine))) == (403, True, 1)
    assert (await push(api, issuer.headers(PATH, BODY, host, nonce="n-2")))[0] in TAKEN


async def test_nonces_are_forgotten_once_their_signature_is_too_old(
    desk: DeskOf, issuer: OpensslIssuer, host: str, engine: Engine, clock: Clock
) -> None:
    api = desk("regulator")
    await push(api, issuer.headers(PATH, BODY, host))
    clock.forward(minutes=7)
    assert (await push(api, issuer.headers(PATH, BODY, host)))[0] == 403

    assert (await push(api, issuer.headers(PATH, BODY, host, nonce="n-2", created=clock())))[0] in TAKEN
    with reading(engine) as conn:
        assert list(conn.execute(select(push_nonces.c.nonce)).scalars()) == ["n-2"]


Alter = Callable[[OpensslIssuer, str], tuple[dict[str, str], bytes, str]]
PLAIN = ("@method", "@authority", "@path", "content-digest")


def _with(**more: Any) -> Alter:
    return lambda issuer, host: (issuer.headers(PATH, BODY, host, **more), BODY, PATH)


def _changed(**fields: str) -> Alter:
    """Fields of the header with other texts than those that were signed."""
    named = {name.replace("_", "-"): text for name, text in fields.items()}
    return lambda issuer, host: (issuer.headers(PATH, BODY, host) | named, BODY, PATH)


def _other_key(issuer: OpensslIssuer, host: str) -> tuple[dict[str, str], bytes, str]:
    """Signed with a key of somebody else, under the issuer's name for its own."""
    other = OpensslIssuer(issuer.key.parent)
    other.public_key = issuer.public_key
    return other.headers(PATH, BODY, host), BODY, PATH


def _of_another_query(issuer: OpensslIssuer, host: str) -> tuple[dict[str, str], bytes, str]:
    return issuer.headers(PATH, BODY, host, query="?wait=1"), BODY, PATH + "?wait=0"


def _unknown_key(issuer: OpensslIssuer, host: str) -> tuple[dict[str, str], bytes, str]:
    return OpensslIssuer(issuer.key.parent).headers(PATH, BODY, host), BODY, PATH


FORGERIES: tuple[tuple[str, Alter, str], ...] = (
    ("altered content", lambda issuer, host: (issuer.headers(PATH, BODY, host), BODY + b" ", PATH), "Content-Digest"),
    ("an hour old", _with(created=NOW - timedelta(hours=1)), "clock"),
    ("just too old", _with(created=NOW - timedelta(minutes=5, seconds=1)), "clock"),
    ("an hour ahead", _with(created=NOW + timedelta(hours=1)), "clock"),
    ("expired", _with(more=f";expires={int(NOW.timestamp())}"), "expired"),
    ("without a nonce", _with(nonce=None), "nonce"),
    ("with an empty nonce", _with(nonce=""), "nonce"),
    ("with a nonce without end", _with(nonce="n" * 201), "nonce"),
    ("for another box", lambda issuer, host: (issuer.headers(PATH, BODY, "other.example"), BODY, PATH), "signature"),
    ("for another path", lambda issuer, host: (issuer.headers("/v1/x", BODY, host), BODY, PATH), "signature"),
    ("without the content", _with(covered=PLAIN[:3]), "signature"),
    ("without the host", _with(covered=(PLAIN[0], *PLAIN[2:])), "@authority"),
    ("without the method", _with(covered=PLAIN[1:]), "@method"),
    ("without the path", _with(covered=(*PLAIN[:2], PLAIN[3])), "@path"),
    ("without the query", lambda issuer, host: (issuer.headers(PATH, BODY, host), BODY, PATH + "?wait=0"), "@query"),
    ("of another query", _of_another_query, "signature"),
    ("by another key", _other_key, "signature"),
    ("by an unknown key", _unknown_key, "no key"),
    ("by another algorithm", _with(more=';alg="hmac-sha256"'), "algorithm"),
    ("of nothing", _changed(Signature="sig1=::"), "signature"),
    ("without a label", _changed(Signature="sig2=:AAAA:"), "labels"),
    ("not readable", _changed(Signature_Input="sig1=(((("), "signature"),
    ("of a number", _changed(Signature="sig1=7"), "signature"),
    ("of a digest that is none", _changed(Content_Digest="md5=:AAAA:"), "signature"),
)


@pytest.mark.parametrize(("alter", "why"), [each[1:] for each in FORGERIES], ids=[each[0] for each in FORGERIES])
async def test_a_push_is_refused_whose_signature_is(
    desk: DeskOf, issuer: OpensslIssuer, host: str, engine: Engine, alter: Alter, why: str
) -> None:
    headers, body, path = alter(issuer, host)

    status, detail = await push(desk("regulator"), headers, body, path)

    assert (status, why in detail) == (403, True), detail
    assert len(refusals(engine)) == 1
    with reading(engine) as conn:
        assert conn.execute(select(orders.c.id)).all() == []


async def test_a_key_of_another_issuer_signs_nothing_for_this_one(
    desk: DeskOf, issuer: OpensslIssuer, host: str, engine: Engine, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    court = OpensslIssuer(tmp_path / "other")
    with writing(engine) as conn:
        court.put(conn, "court")

    assert "PTA has no key" in (await push(desk("regulator"), court.headers(PATH, BODY, host)))[1]


async def test_a_key_that_has_ended_signs_nothing_and_leaves_no_door_open(
    desk: DeskOf, issuer: OpensslIssuer, host: str, clock: Clock
) -> None:
    api = desk("regulator")
    clock.forward(days=30)

    status, detail = await push(api, issuer.headers(PATH, BODY, host, created=clock()))
    assert (status, "has ended" in detail) == (403, True)
    assert (await push(api, {}))[0] == 403


async def test_an_issuer_signs_its_withdrawal_and_the_desk_withdraws_without_it(
    desk: DeskOf, issuer: OpensslIssuer, host: str, engine: Engine
) -> None:
    api, said = desk("regulator"), json.dumps({"reason": "a letter"}).encode()
    await push(api, issuer.headers(PATH, BODY, host))
    path = "/v1/orders/id/1/withdraw"
    assert (await push(api, {}, said, path))[0] == 403

    assert (await push(api, issuer.headers(path, said, host, nonce="n-2"), said, path))[0] == 200
    assert (await push(api, issuer.headers(path, said, host, nonce="n-2"), said, path))[0] == 403
    assert (await push(desk("compliance"), {}, said, path))[0] == 200
    with reading(engine) as conn:
        signed = [each for each in events_of(conn, "orders") if each["action"] == "withdrawal signed"]
    assert [each["said"]["key"] for each in signed] == [issuer.public_key.hex()]


def test_the_last_octets_that_openssl_gives_are_the_key(tmp_path: Path) -> None:
    assert len(OpensslIssuer(tmp_path).public_key) == -OF_PUBLIC_KEY
