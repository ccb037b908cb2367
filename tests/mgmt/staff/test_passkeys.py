import pytest
from sqlalchemy import Engine
from support.mgmt.authenticator import Authenticator, packed
from support.mgmt.desk import NOW
from support.mgmt.staff_desk import ORIGIN, AddPerson

from mgmt.staff.passkeys import (
    MAX_PASSKEYS,
    BadResponse,
    Party,
    challenge_in,
    creation_options,
    put_passkey,
    request_options,
)
from mgmt.staff.people import Person, Unfit
from parental.store.database import writing

PARTY = Party(ORIGIN, "Example ISP")
CHALLENGE = b"c" * 32


@pytest.fixture
def person(add: AddPerson) -> Person:
    return add()[0]


def made(key: Authenticator) -> str:
    return key.create({"user": {"id": packed(b"filterd-1")}, "challenge": packed(CHALLENGE)})


def test_an_authenticator_is_asked_to_verify_the_person_and_to_keep_the_key(engine: Engine, person: Person) -> None:
    with writing(engine) as conn:
        put_passkey(conn, PARTY, person, made(Authenticator(ORIGIN)), CHALLENGE, "a key", NOW)
        options = creation_options(conn, PARTY, person, CHALLENGE)

    assert options["rp"] == {"id": "desk.isp.example", "name": "Example ISP"}
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert [each["alg"] for each in options["pubKeyCredParams"]] == [-8, -7, -257]
    assert len(options["excludeCredentials"]) == 1


def test_a_sign_in_names_nobody() -> None:
    options = request_options(PARTY, CHALLENGE)

    assert options["allowCredentials"] == [] and options["userVerification"] == "required"
    assert options["rpId"] == "desk.isp.example"


def test_a_passkey_is_kept_once_with_a_label_and_not_without_end(engine: Engine, person: Person) -> None:
    key = Authenticator(ORIGIN)
    answer = made(key)
    with writing(engine) as conn:
        for label in ("", "x" * 81, "two\nlines"):
            with pytest.raises(Unfit, match="no label; not kept"):
                put_passkey(conn, PARTY, person, answer, CHALLENGE, label, NOW)
        put_passkey(conn, PARTY, person, answer, CHALLENGE, "a key", NOW)
        with pytest.raises(Unfit, match="known already"):
            put_passkey(conn, PARTY, person, answer, CHALLENGE, "a key", NOW)
        for _ in range(MAX_PASSKEYS - 1):
            put_passkey(conn, PARTY, person, made(Authenticator(ORIGIN)), CHALLENGE, "a key", NOW)
        with pytest.raises(Unfit, match="10 are kept already"):
            put_passkey(conn, PARTY, person, made(Authenticator(ORIGIN)), CHALLENGE, "a key", NOW)


def test_an_answer_to_another_challenge_is_refused(engine: Engine, person: Person) -> None:
    answer = made(Authenticator(ORIGIN))

    assert challenge_in(answer) == CHALLENGE
    with writing(engine) as conn, pytest.raises(BadResponse):
        put_passkey(conn, PARTY, person, answer, b"d" * 32, "a key", NOW)
