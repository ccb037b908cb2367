import json

from sqlalchemy import Engine
from support.mgmt.confirmed import SIGNER, confirmed, verified
from support.mgmt.orders import NOW, publish

from filterd.control.ledger_seal import AnswerProgress, answer_issuers
from mgmt.ledger.event import CONTROL
from mgmt.orders.confirmation.replies import last_confirmation
from mgmt.orders.store import withdraw_entries, withdraw_order
from parental.store.database import reading, writing


def test_each_look_answers_what_is_new_and_what_still_waited_for_the_workers(engine: Engine) -> None:
    def answer() -> str:
        with reading(engine) as conn:
            row = last_confirmation(conn, order)
        assert row is not None
        return str(json.loads(row.text)["answer"])

    with writing(engine) as conn:
        order = confirmed(conn, "bad.example", "worse.example")
    looked = answer_issuers(engine, SIGNER, AnswerProgress(None, []))
    with writing(engine) as conn:
        withdraw_entries(conn, order, [2], "a court", NOW, CONTROL)
        publish(conn)
        verified(conn, order)

    looked = answer_issuers(engine, SIGNER, looked)
    assert (answer(), looked.waiting) == ("confirmed", []), "its newest verification is answered, and nothing after it"

    with writing(engine) as conn:
        withdraw_order(conn, order, "a court", NOW, CONTROL)
    looked = answer_issuers(engine, SIGNER, looked)
    assert (answer(), looked.waiting) == ("confirmed", [order])
    with writing(engine) as conn:
        publish(conn)
    assert answer_issuers(engine, SIGNER, looked).waiting == []
    assert answer() == "withdrawn"
