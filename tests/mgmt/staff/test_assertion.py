import json
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from support.mgmt.authenticator import EDDSA, ES256, PRESENT, Authenticator, packed, unpacked
from support.mgmt.desk import NOW
from support.mgmt.events import events_of
from support.mgmt.staff_desk import ORIGIN, AddPerson
from support.present import present

from mgmt.ledger.event import CONTROL
from mgmt.staff.assertion import approver_of, assertion_in, challenge_of, is_signed
from mgmt.staff.passkeys import Party, put_passkey, row_of
from mgmt.staff.people import Person, StaffState, set_end, set_state
from parental.store.database import writing
from parental.store.engines import Where, engine_of
from parental.store.schema.privileges import WEB

PARTY = Party(ORIGIN, "Example ISP")
DOCUMENT = b'{"order": 7, "entries": 2}'


@pytest.fixture
def person(add: AddPerson) -> Person:
    return add("amna", "approver")[0]


def enrolled(engine: Engine, person: Person, algorithm: int = ES256) -> Authenticator:
    key, challenge = Authenticator(ORIGIN, algorithm), b"c" * 32
    answer = key.create({"user": {"id": packed(b"filterd-%d" % person.number)}, "challenge": packed(challenge)})
    with writing(engine) as conn:
        put_passkey(conn, PARTY, person, answer, challenge, "a key", NOW)
    return key


@pytest.mark.parametrize("algorithm", [ES256, EDDSA])
def test_who_signs_the_digest_of_a_document_agrees_to_it(
    engine: Engine, database: Where, person: Person, algorithm: int
) -> None:
    key = enrolled(engine, person, algorithm)
    answer = key.agree(challenge_of(DOCUMENT))

    as_web = engine_of(database, WEB)
    with writing(as_web) as conn:
        found = approver_of(conn, PARTY, DOCUMENT, answer, NOW)
    as_web.dispose()

    assert found.person == person
    assert (person.role, person.group) == ("approver", "approval")


@pytest.mark.parametrize("other", [b"", DOCUMENT + b" ", DOCUMENT.replace(b"7", b"8")])
def test_an_agreement_to_another_document_is_none(engine: Engine, person: Person, other: bytes) -> None:
    answer = enrolled(engine, person).agree(challenge_of(DOCUMENT))

    with writing(engine) as conn:
        assert approver_of(conn, PARTY, other, answer, NOW) == (None, "wrong")


def test_a_key_that_nobody_has_enrolled_agrees_to_nothing(engine: Engine, person: Person) -> None:
    enrolled(engine, person)

    with writing(engine) as conn:
        answer = Authenticator(ORIGIN).agree(challenge_of(DOCUMENT))
        assert approver_of(conn, PARTY, DOCUMENT, answer, NOW) == (None, "unknown")


def test_a_touch_without_pin_or_finger_is_no_agreement(engine: Engine, person: Person) -> None:
    key = enrolled(engine, person)
    key.flags = PRESENT

    with writing(engine) as conn:
        assert approver_of(conn, PARTY, DOCUMENT, key.agree(challenge_of(DOCUMENT)), NOW) == (None, "wrong")


def test_an_agreement_on_another_page_is_none(engine: Engine, person: Person) -> None:
    key = enrolled(engine, person)
    key.origin = "https://evil.example"

    with writing(engine) as conn:
        assert approver_of(conn, PARTY, DOCUMENT, key.agree(challenge_of(DOCUMENT)), NOW) == (None, "wrong")


def test_a_disabled_person_agrees_to_nothing(engine: Engine, person: Person) -> None:
    key = enrolled(engine, person)
    with writing(engine) as conn:
        set_state(conn, person.mail, StaffState.DISABLED, CONTROL, NOW)

        assert approver_of(conn, PARTY, DOCUMENT, key.agree(challenge_of(DOCUMENT)), NOW) == (None, "disabled")


def test_a_person_whose_account_has_ended_agrees_to_nothing(engine: Engine, person: Person) -> None:
    key, ends = enrolled(engine, person), NOW.replace(microsecond=0) + timedelta(hours=1)
    with writing(engine) as conn:
        set_end(conn, person.mail, ends, CONTROL, NOW)

        assert approver_of(conn, PARTY, DOCUMENT, key.agree(challenge_of(DOCUMENT)), ends) == (None, "ended")
        used = approver_of(conn, PARTY, DOCUMENT, key.agree(challenge_of(DOCUMENT)), ends - timedelta(seconds=1))
        assert used.person is not None


def test_a_copy_of_a_key_agrees_to_nothing_and_is_written_down(engine: Engine, person: Person) -> None:
    key = enrolled(engine, person)
    answer = key.agree(challenge_of(DOCUMENT))
    with writing(engine) as conn:
        assert approver_of(conn, PARTY, DOCUMENT, answer, NOW).person == person

    with writing(engine) as conn:
        assert approver_of(conn, PARTY, DOCUMENT, answer, NOW) == (None, "copied")
        assert events_of(conn, "staff")[-1]["action"] == "passkey refused as a copy"


@pytest.mark.parametrize("answer", ["", "{}", "[]", "null", '{"rawId": 1}', "x" * 20_000, '{"rawId": "%%%"}'])
def test_what_is_no_answer_is_wrong(engine: Engine, person: Person, answer: str) -> None:
    enrolled(engine, person)

    with writing(engine) as conn:
        assert approver_of(conn, PARTY, DOCUMENT, answer, NOW).person is None


def test_an_altered_signature_is_wrong(engine: Engine, person: Person) -> None:
    key = enrolled(engine, person)
    said = json.loads(key.agree(challenge_of(DOCUMENT)))
    signature = bytearray(unpacked(said["response"]["signature"]))
    signature[-1] ^= 1
    said["response"]["signature"] = packed(bytes(signature))

    with writing(engine) as conn:
        assert approver_of(conn, PARTY, DOCUMENT, json.dumps(said), NOW) == (None, "wrong")


@pytest.mark.parametrize("algorithm", [ES256, EDDSA])
def test_what_is_kept_of_an_answer_proves_it_again_for_its_document_and_desk_alone(
    engine: Engine, person: Person, algorithm: int
) -> None:
    key = enrolled(engine, person, algorithm)
    kept = assertion_in(key.agree(challenge_of(DOCUMENT)))
    with writing(engine) as conn:
        public_key = present(row_of(conn, kept.credential)).public_key

    assert kept.counted == 1
    assert is_signed(PARTY, public_key, DOCUMENT, kept)
    assert not is_signed(PARTY, public_key, DOCUMENT + b" ", kept)
    assert not is_signed(Party("https://desk.other.example", ""), public_key, DOCUMENT, kept)
    altered = kept.signature[:-1] + bytes([kept.signature[-1] ^ 1])
    assert not is_signed(PARTY, public_key, DOCUMENT, kept._replace(signature=altered))
    assert not is_signed(PARTY, public_key, DOCUMENT, kept._replace(authenticator_data=b""))
    assert not is_signed(PARTY, b"no key", DOCUMENT, kept)
