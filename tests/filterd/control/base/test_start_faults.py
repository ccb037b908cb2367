import errno
import os

import pytest

from filterd.box.errors import MissingPart
from filterd.control.base.start_faults import start_fault


def noted(number: int, note: str) -> OSError:
    fault = OSError(number, os.strerror(number))
    fault.add_note(note)
    return fault


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        (
            noted(errno.EADDRINUSE, "web listen [::]:80: not bound"),
            "web listen [::]:80: not bound: Address already in use",
        ),
        (FileNotFoundError(2, "No such file or directory", "a.pem"), "a.pem: No such file or directory"),
        (MissingPart("nft: not on this box"), "nft: not on this box"),
        (RuntimeError("nft: not permitted;\n nothing was changed"), "nft: not permitted; nothing was changed"),
        (ExceptionGroup("tasks", [MissingPart("a"), noted(1, "b")]), "a; b: Operation not permitted"),
    ],
    ids=["a port", "a file", "a part", "the kernel", "several at once"],
)
def test_what_the_operator_can_mend_is_one_sentence(reason: BaseException, sentence: str) -> None:
    assert start_fault(reason) == sentence


@pytest.mark.parametrize(
    "reason", [KeyError("x"), RecursionError(), ExceptionGroup("tasks", [MissingPart("a"), KeyError()])]
)
def test_a_fault_of_the_program_keeps_its_traceback(reason: BaseException) -> None:
    assert start_fault(reason) is None
