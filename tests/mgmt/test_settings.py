from mgmt.settings import HELPLINES


def test_the_child_helpline_comes_first_and_no_number_claims_to_be_verified() -> None:
    assert HELPLINES[0].number == "1121"
    assert all(line.verified_on is None for line in HELPLINES)
