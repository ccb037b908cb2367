import io

from filterd.lab.step_printer import Teller


def test_a_step_is_one_line_and_its_measures_are_below_it() -> None:
    out = io.StringIO()
    teller = Teller(18, out)

    teller.begin(3, "A thing happens")
    teller.end("ok 0.41 s", "one\ntwo")
    teller.begin(10, "Another")
    teller.end("ok 0.02 s")

    first = "[ 3/18] A thing happens … ok 0.41 s\n        one\n        two\n"
    assert out.getvalue() == first + "[10/18] Another … ok 0.02 s\n"


def test_what_is_said_in_the_middle_moves_the_result_to_a_line_of_its_own() -> None:
    out = io.StringIO()
    teller = Teller(9, out)

    teller.begin(1, "Wait")
    teller.say("waiting")
    teller.end("ok 9.00 s")

    assert out.getvalue() == "[1/9] Wait … \n        waiting\n        ok 9.00 s\n"
