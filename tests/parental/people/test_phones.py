import pytest

from parental.errors import BadPerson
from parental.people.phones import Phones

PHONES = Phones(bytes(32))


def test_a_number_is_opened_again_and_equal_ones_have_one_digest_and_other_octets() -> None:
    first, second = PHONES.seal("+923001234567"), PHONES.seal("+92 (300) 123-4567")

    assert PHONES.open(first.octets) == PHONES.open(second.octets) == "+923001234567"
    assert first.digest == second.digest
    assert first.octets != second.octets
    assert b"3001234567" not in first.octets + first.digest


def test_another_key_neither_opens_nor_finds_it() -> None:
    sealed, other = PHONES.seal("+923001234567"), Phones(b"1" * 32)

    with pytest.raises(ValueError, match="sealed by another key; not opened"):
        other.open(sealed.octets)
    assert other.seal("+923001234567").digest != sealed.digest


@pytest.mark.parametrize("number", ["", "03001234567", "+0300123456", "+92300123456789012", "+92٣٠٠١٢٣٤٥٦٧", "call me"])
def test_what_is_no_number_is_refused_and_not_repeated(number: str) -> None:
    with pytest.raises(BadPerson) as refused:
        PHONES.seal(number)
    assert str(refused.value) == "phone: not a number with its country; not accepted; write +923001234567"


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="a key of 3 octets"):
        Phones(b"key")
