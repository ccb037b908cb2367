import pytest

from mgmt.settings import HELPLINES, Settings


def test_a_short_key_makes_no_settings():
    with pytest.raises(ValueError, match="pseudonym_key: 15 octets; not taken; give at least 16"):
        Settings(pseudonym_key=bytes(15))


def test_the_child_helpline_comes_first_and_no_number_claims_to_be_verified():
    assert HELPLINES[0].number == "1121"
    assert all(line.verified_on is None for line in HELPLINES)
