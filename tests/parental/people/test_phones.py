import pytest

from parental.people.phones import Phones, international, mobile_number, plain_number
from parental.store.errors import BadPerson

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


@pytest.mark.parametrize(
    ("said", "plain"),
    [
        ("0300 1234567", "+923001234567"),
        ("0300-1234567", "+923001234567"),
        ("+92 (300) 1234567", "+923001234567"),
        ("0092 300 1234567", "+923001234567"),
        ("92 300 1234567", "+923001234567"),
        ("9230012", "9230012"),
        ("+44 7700 900123", "+447700900123"),
        ("۰۳۰۰ ۱۲۳۴۵۶۷", "+923001234567"),
        ("1121", "1121"),
        ("", ""),
    ],
)
def test_a_number_as_people_write_it_gets_its_country(said: str, plain: str) -> None:
    assert international(said, "+92") == plain


@pytest.mark.parametrize("number", ["+92 300 1234567", "+44 20 7946 0123"])
def test_a_number_is_a_mobile_telephone_s_unless_the_numbering_plan_says_another(number: str) -> None:
    assert mobile_number(number) == plain_number(number)


@pytest.mark.parametrize("number", ["+92 42 35761234", "+92 300 123456", "+92 21 111 222 333"])
def test_a_landline_gets_no_messages(number: str) -> None:
    with pytest.raises(BadPerson, match="no number of a mobile telephone"):
        mobile_number(number)


def test_a_number_is_found_by_the_digest_that_it_is_sealed_with() -> None:
    phones = Phones(bytes(32))

    assert phones.digest(plain_number("+92 300 1234567")) == phones.seal("+923001234567").digest


def test_a_one_time_code_has_another_digest_in_each_browser_and_under_each_key() -> None:
    phones = Phones(bytes(32))

    assert phones.code_digest(b"a", "123456") == phones.code_digest(b"a", "123456")
    others = (phones.code_digest(b"b", "123456"), Phones(bytes([1]) * 32).code_digest(b"a", "123456"))
    assert phones.code_digest(b"a", "123456") not in others
