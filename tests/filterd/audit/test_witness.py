import base64
import hashlib
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filterd.audit.last_checkpoint import LastCheckpoint
from filterd.audit.witness import SIZE_TYPE, Answer, Witness, app_of
from mgmt.ledger.checkpoint import Cosigner, Signer
from mgmt.ledger.tree import consistency_proof, root_of
from mgmt.ledger.verifier import leaf_hash, require_witnesses

LOG = Signer(bytes(range(32)), "gw.example/filterd-ledger")
COSIGNER = Cosigner(bytes(32), "witness.example")
TIME_S = 1_800_000_000
LEAVES = [leaf_hash(bytes([number])) for number in range(40)]
FORK = [*LEAVES[:4], bytes(32), *LEAVES[5:]]


def note_of(size: int, leaves: list[bytes] = LEAVES) -> str:
    return LOG.sign(size, root_of(lambda first, until: leaves[first:until], 0, size))


def proof_of(old: int, size: int, leaves: list[bytes] = LEAVES) -> list[bytes]:
    root = partial(root_of, lambda first, until: leaves[first:until])
    return consistency_proof(root, old, size) if 0 < old <= size else []


def request(old: int, note: str, path: list[bytes]) -> bytes:
    lines = "".join(base64.b64encode(each).decode() + "\n" for each in path)
    return f"old {old}\n{lines}\n{note}".encode()


def added(witness: Witness, old: int, size: int, leaves: list[bytes] = LEAVES) -> Answer:
    return witness.add(request(old, note_of(size, leaves), proof_of(old, size, leaves)), TIME_S)


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness(tmp_path, COSIGNER, [LOG.vkey])


def test_a_checkpoint_that_continues_the_last_one_is_cosigned(witness: Witness) -> None:
    for old, size in ((0, 3), (3, 3), (3, 8), (8, 33)):
        answer = added(witness, old, size)

        assert answer.status == 200
        require_witnesses([note_of(size) + answer.text], [COSIGNER.vkey])


def test_a_cosignature_is_what_c2sp_says() -> None:
    key_id, text = (
        hashlib.sha256(b"witness.example\n\x04" + _public()).digest()[:4],
        COSIGNER.cosign(note_of(2), TIME_S),
    )

    octets = base64.b64decode(text.removeprefix("— witness.example ").removesuffix("\n"))
    assert octets[:12] == key_id + TIME_S.to_bytes(8, "big") and len(octets) == 4 + 8 + 64
    with pytest.raises(ValueError, match="has a false cosignature of the witness"):
        require_witnesses([note_of(3) + text], [COSIGNER.vkey])
    with pytest.raises(ValueError, match="is not cosigned by the witness other"):
        require_witnesses([note_of(2) + text], [Cosigner(bytes(32), "other").vkey])


def test_another_old_size_gets_the_one_that_is_known(witness: Witness) -> None:
    assert added(witness, 2, 5) == Answer(409, "0\n", SIZE_TYPE)
    added(witness, 0, 5)

    assert [added(witness, *sizes) for sizes in ((0, 9), (4, 9), (3, 4))] == [Answer(409, "5\n", SIZE_TYPE)] * 3


def test_a_fork_is_never_cosigned(witness: Witness, tmp_path: Path) -> None:
    added(witness, 0, 5)

    assert added(witness, 5, 5, FORK) == Answer(409, "5\n", SIZE_TYPE)
    assert added(witness, 5, 9, FORK).status == 422
    assert witness.add(request(5, note_of(9, FORK), proof_of(5, 9)), TIME_S).status == 422
    again = Witness(tmp_path, COSIGNER, [LOG.vkey])
    assert added(again, 5, 9, FORK).status == 422 and added(again, 5, 9).status == 200


def test_a_log_that_is_unknown_or_a_false_signature_is_refused(witness: Witness) -> None:
    unknown, false = Signer(bytes(range(32)), "other"), Signer(bytes(32), LOG.name)

    assert witness.add(request(0, unknown.sign(1, LEAVES[0]), []), TIME_S).status == 404
    assert witness.add(request(0, false.sign(1, LEAVES[0]), []), TIME_S).status == 403
    assert witness.add(request(7, note_of(5), []), TIME_S).status == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0",
        b"old 00\n\nx",
        b"old -1\n\nx",
        b"0\n\nx",
        b"old 1\nAAAA\n\nx",
        b"old 1\n!\n\nx",
        b"\xff\n\n",
        b"old 1\n" + b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n" * 64 + b"\nx",
    ],
)
def test_what_is_no_request_is_refused(witness: Witness, body: bytes) -> None:
    assert witness.add(body, TIME_S).status == 400


@given(st.binary(max_size=200))
def test_no_octets_make_a_witness_sign_or_fail(body: bytes) -> None:
    assert Witness(Path("/nonexistent"), COSIGNER, [LOG.vkey]).add(b"old 0\n\n" + body, TIME_S).status in (400, 404)


def test_a_log_with_another_key_under_its_name_is_refused_until_both_keys_are_known(tmp_path: Path) -> None:
    other = Signer(bytes(range(1, 33)), LOG.name)
    assert added(Witness(tmp_path, COSIGNER, [LOG.vkey]), 0, 3).status == 200
    body = request(3, other.sign(8, root_of(lambda first, until: LEAVES[first:until], 0, 8)), proof_of(3, 8))

    refused = Witness(tmp_path, COSIGNER, [other.vkey]).add(body, TIME_S)
    assert (refused.status, "of another key" in refused.text) == (403, True)
    assert Witness(tmp_path, COSIGNER, [LOG.vkey, other.vkey]).add(body, TIME_S).status == 200


def test_nothing_is_answered_before_it_is_on_the_disk(witness: Witness, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(LastCheckpoint, "write", full)
        with pytest.raises(OSError, match="No space left"):
            added(witness, 0, 5)

    assert added(witness, 0, 3).status == 200


def test_its_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no Ed25519 key of a signed note"):
        Witness(tmp_path, COSIGNER, [COSIGNER.vkey])


def test_it_has_one_path(witness: Witness) -> None:
    routes = [
        (route.method, route.resource.canonical)
        for route in app_of(witness, lambda: 0).router.routes()
        if route.resource
    ]

    assert routes == [("POST", "/add-checkpoint")]


def _public() -> bytes:
    return base64.b64decode(COSIGNER.vkey.split("+", 2)[2])[1:]
