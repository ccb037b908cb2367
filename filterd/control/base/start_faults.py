"""What keeps a role from its work and is no fault of the program: said in one sentence, without a traceback.

Invariants: an exception that is not known here is an internal fault, and keeps its traceback; of those that are, the
traceback is in the log at level debug.
"""

from dns.base.errors import BadCertificate, UpstreamIsOurselves
from filterd.box.errors import MissingPart, WrongUse
from filterd.config import BadConfig
from filterd.images.compile import CompileFailure
from filterd.images.lists.updater import ListsFailure
from filterd.radius.journal import BadSnapshot
from filterd.radius.nas import BadSecret
from parental.store.errors import DatabaseFault
from rules.base.errors import BadList

# A plain RuntimeError is the kernel's refusal (filterd.kernel), in words.
OF_THE_BOX = (
    *(
        BadCertificate,
        BadConfig,
        BadList,
        CompileFailure,
        DatabaseFault,
        ListsFailure,
        MissingPart,
        UpstreamIsOurselves,
    ),
    *(BadSecret, BadSnapshot, WrongUse),
)


def start_fault(reason: BaseException) -> str | None:
    """The sentence for the operator; None for an internal fault."""
    if isinstance(reason, BaseExceptionGroup):
        found = [start_fault(each) for each in reason.exceptions]
        return "; ".join(filter(None, found)) if all(found) else None
    if isinstance(reason, OSError):
        return _of_system(reason)
    if isinstance(reason, OF_THE_BOX) or type(reason) is RuntimeError:
        return " ".join(str(reason).split())
    return None


def _of_system(reason: OSError) -> str:
    """What the system refused: where, as a note says it, and why."""
    why = reason.strerror or str(reason)
    place = f"{reason.filename}: " if reason.filename else ""
    notes = getattr(reason, "__notes__", [])
    return f"{'; '.join(notes)}: {why}" if notes else f"{place}{why}"
