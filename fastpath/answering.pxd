"""One query in, one answer out, whatever carried it: see answering.pyx."""
from libc.stdint cimport int64_t, uint8_t

from fastpath.dnsmsg cimport BlockAnswer, Question
from fastpath.spool cimport Shared
from fastpath.tables cimport Tables

cdef enum:
    N_REASONS = 8
    N_ACTIONS = 8


cdef enum Outcome:
    ANSWER = 0      # the message is now the answer
    FORWARD = 1     # the message is untouched: the upstream's to answer
    SAY_NOTHING = 2


cdef struct AnswerCell:
    Outcome outcome
    BlockAnswer answer


cdef struct Answering:
    Shared* shared
    const Tables* tables        # NULL: none yet, everything is forwarded
    int64_t now_s               # unix
    int64_t now_ns              # unix
    uint8_t is_stream           # what the client says of datagrams does not bound its answers
    AnswerCell cells[8][8]      # [reason][action]


cdef object fill_cells(AnswerCell (*cells)[8], object specs, Outcome for_tcp_only)
cdef Outcome answer_query(Answering* a, uint8_t* msg, size_t* n, size_t room, const uint8_t* addr, uint8_t ip_version,
                          Question* q) noexcept nogil
