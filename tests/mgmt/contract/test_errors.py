from mgmt.contract.errors import BadRequest, NotInForce, NotJson


def test_a_refusal_names_its_place_and_says_what_to_do() -> None:
    refusal = NotJson("body", "body: not JSON; not taken; send an object")

    assert isinstance(refusal, BadRequest)
    assert (refusal.where, str(refusal)) == ("body", "body: not JSON; not taken; send an object")


def test_a_change_that_is_not_in_force_is_said_to_be_stored() -> None:
    assert str(NotInForce("dns-0: no space")) == ("dns-0: no space; the change is stored; send the same request again")
