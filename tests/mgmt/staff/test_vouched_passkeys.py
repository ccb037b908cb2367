import pytest
from sqlalchemy import Connection, Engine, insert, update
from sqlalchemy.exc import ProgrammingError
from support.mgmt.events import events_of
from support.mgmt.orders import NOW
from support.mgmt.signing import signer

from mgmt.ledger.event import CONTROL
from mgmt.staff.passkeys import fingerprint_of
from mgmt.staff.vouched_passkeys import passkeys_of, vouch
from parental.store.database import writing
from parental.store.engines import Where, engine_of
from parental.store.schema.privileges import WEB
from parental.store.schema.staff import passkeys


def test_a_passkey_is_vouched_for_by_what_its_person_reads_from_the_page(conn: Connection) -> None:
    signer(conn, "amna", "approver", is_vouched=False)
    (key,) = passkeys_of(conn, "amna@isp.example")
    assert key.vouched_s is None

    vouch(conn, "amna@isp.example", fingerprint_of(key).upper(), CONTROL, NOW)

    assert passkeys_of(conn, "amna@isp.example")[0].vouched_s == int(NOW.timestamp())
    assert events_of(conn, "staff")[-1]["action"] == "passkey vouched for"


@pytest.mark.parametrize("said", ["", "0000 0000 0000 0000", "amna"])
def test_a_passkey_of_another_fingerprint_or_person_is_not(conn: Connection, said: str) -> None:
    signer(conn, "amna", "approver", is_vouched=False)
    signer(conn, "bilal", "approver", is_vouched=False)
    other = fingerprint_of(passkeys_of(conn, "bilal@isp.example")[0])

    for each in (said, other):
        with pytest.raises(LookupError, match="not vouched for"):
            vouch(conn, "amna@isp.example", each, CONTROL, NOW)
    with pytest.raises(LookupError, match="no person"):
        vouch(conn, "nobody@isp.example", other, CONTROL, NOW)


def test_the_role_that_enrols_people_vouches_for_nobody(engine: Engine, database: Where) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("who may write the file of SQLite may write all of it")
    with writing(engine) as conn:
        person = signer(conn, "amna", "approver", is_vouched=False).person
    of_web = engine_of(database, WEB)
    row = {"staff": person.number, "credential": b"1", "public_key": b"k", "sign_count": 0, "label": "x", "set_s": 1}
    for statement in (update(passkeys).values(vouched_s=1), insert(passkeys).values(**row, vouched_s=1)):
        with pytest.raises(ProgrammingError, match="permission denied"), of_web.begin() as conn:
            conn.execute(statement)
    with of_web.begin() as conn:
        conn.execute(insert(passkeys).values(row))
    of_web.dispose()
