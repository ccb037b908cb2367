"""Programs that got a listed name served, or kept an allowed one from it, each as short as it gets.

FINDS holds what the gate has learned to stop: no mode may serve one again.  OPEN_FINDS holds what it has yet to learn:
the modes in which a listed name is served, and the cause.  A correction moves its row from the second to the first.
"""

from adversary.actions import Control, HangUp, Hear, Hold, Judge, Others, Program, Restart, Send, Syn, Wait
from adversary.beginning_finds import OPEN_BEGINNINGS
from adversary.find import Find, OpenFind
from adversary.streams import LISTED, TLS, octets_of
from adversary.waiting_finds import WAITING_FINDS

NAME_AT = octets_of(TLS, ("hello!",)).index(LISTED)


FINDS = (
    Find(
        "reopened: the server resets, the same port again",
        Program(
            (("hello", "encrypted"), ("hello!",)),
            (Syn(), Control(), Send(end=517), Send(begin=517), HangUp(), Syn(isn=1), Control(), Send(stream=1)),
        ),
        "the mark of a released connection outlived it",
    ),
    Find(
        "stray: the client's own reset, a stray acknowledgement, the same port again",
        Program(
            (("hello", "encrypted"), ("hello!",)),
            (
                Syn(),
                Control(),
                Send(end=517),
                Send(begin=517),
                Control(flags="R"),
                Control(),
                Syn(isn=1),
                Control(),
                Send(stream=1),
            ),
        ),
        "as reopened, without the server's help",
    ),
    Find(
        "stray80: the same over HTTP",
        Program(
            (("GET",), ("GET!",)),
            (Syn(), Control(), Send(), Control(flags="R"), Control(), Syn(isn=1), Control(), Send(stream=1)),
            reader="http.server",
        ),
        "the mark of a connection that was allowed outlived it",
    ),
    Find(
        "http_evict: half a second head, other connections, the other half",
        Program(
            (("GET", "GET!"),),
            (Syn(), Control(), Send(end=70), Others(40), Send(begin=70)),
            reader="h11",
        ),
        "what was evicted unjudged was taken up again as harmless",
    ),
    Find(
        "tls_evict: other connections between both hellos",
        Program(
            (("hello without a share", "hello!"),),
            (Syn(), Control(), Send(end=517), Others(40), Send(begin=517, end=540), Others(40), Send(begin=540)),
        ),
        "as http_evict",
    ),
    Find(
        "evicted_ooo: the second piece first, other connections, the first piece",
        Program((("hello!",),), (Syn(), Control(), Send(begin=50), Others(40), Send(end=50))),
        "as http_evict",
    ),
    Find(
        "tls_early: early data between an allowed hello and a listed one",
        Program(
            (("hello with early data", "encrypted", "hello!"),),
            (Syn(), Control(), Send(end=517), Send(begin=517, end=562), Send(begin=562)),
        ),
        "a record of early data ended the search for a second hello",
    ),
    Find(
        "slid: decoys that end before the server push judged octets out of the window",
        Program(
            (("GET", "POST that is long!", "POST that is long", "POST that is long", "GET!"), ("GET",)),
            (
                Syn(),
                Control(),
                Send(stream=1),
                Send(text="decoy", is_taken=False, begin=40),
                Send(begin=40, end=60),
                Send(begin=60),
            ),
            reader="h11",
        ),
        "the server's word for the first octets was taken for all of them",
    ),
    Find(
        "head_fin: the client's FIN ends a head that has no end",
        Program((("GET without its end!",),), (Syn(), Send(), Control(flags="FA")), reader="http.server"),
        "what reads lines up to the end of a stream serves what has come when its client ends; no FIN was judged",
    ),
    Find(
        "synack_written: the client writes a SYN/ACK of its own behind the server's",
        Program((("hello!",),), (Syn(), Control(flags="SA"), Send())),
        "the mark then held the server's sequence number for the client's: every octet stood before the window",
    ),
    Find(
        "body_disorder: the end of a body and a listed request first, then the beginning",
        Program((("POST that is long", "GET!"),), (Syn(), Send(begin=5034), Send(end=5034)), reader="h11"),
        "octets of a body were skipped, not stored: the request stood behind a gap that never closed",
    ),
    Find(
        "forgotten_end: the gate starts again before the last line ends of a head",
        Program((("GET!",),), (Syn(), Send(end=37), Restart(), Send(begin=37)), reader="h11"),
        "line ends and blanks of a stream whose beginning is unknown passed under `closed`, too",
    ),
    Find(
        "upload_then_get: a body of 9,000 octets, its answer, and another request",
        Program(
            (("POST that is long", "GET"),),
            (Syn(), Control(), Send(end=9063), Hear(), Send(begin=9063)),
            reader="h11",
            is_honest=True,
        ),
        "a segment was dropped until the server's word had come, which nothing asked for",
    ),
    Find(
        "get_body: a request in the body of a GET, and another head behind it",
        Program((("GET with a body!", "POST with a request in it"),), (Syn(), Send()), reader="http.server"),
        "the body of a GET, which this server does not read, was skipped by its length",
    ),
    Find(
        "acked_before: what a server has acknowledged, its client's reset, the same port and ISN again",
        Program(
            (("POST that is longer",), ("GET!",)),
            (Syn(), Send(end=50000), Control(flags="R"), Syn(), Send(stream=1)),
            reader="h11",
            is_slow=True,
        ),
        "where the server was silent, what it had acknowledged was taken for octets of the new connection",
    ),
    Find(
        "acked_hello_before: as acked_before, with a hello that is slid out of the window",
        Program(
            (("large hello",), ("hello!",)),
            (Syn(), Send(), Control(flags="R"), Syn(), Send(stream=1)),
            is_slow=True,
        ),
        "as acked_before: the listed hello stood before the window",
    ),
    Find(
        "early_empty: early data behind an empty handshake record, then a listed hello",
        Program((("hello with early data", "empty record", "encrypted", "hello!"),), (Syn(), Send())),
        "an empty handshake record between two hellos was not stepped over, and what followed was no TLS",
    ),
    Find(
        "fin_overtakes: a FIN passes while the head before it waits in the queue",
        Program(
            (("GET without its end!",),),
            (Syn(), Hold(), Send(), Control(flags="FA"), Judge()),
            reader="http.server",
        ),
        "a FIN was queued by the state of the mark, which the verdict on the packet before it had yet to set",
    ),
    Find(
        "fin_decoy: a FIN that ends before the server, in the middle of a head",
        Program(
            (("GET!",),),
            (Syn(), Send(end=30), Control(flags="FA", is_taken=False), Send(begin=30)),
            reader="h11",
        ),
        "what a decoy's FIN ended counted as judged, and octets behind it passed",
    ),
    Find(
        "read_ahead: two chunked bodies whose chunks begin as requests do, and a listed request, all at once",
        Program(
            (("POST in a long chunk", "POST in a long chunk", "GET!"),),
            (Syn(), Send(begin=100), Send(end=100)),
            reader="h11",
        ),
        "lines that were read ahead of another head counted as read",
    ),
    Find(
        "old_again: the gate starts again, octets that the server has had come again, then the next ones",
        Program(
            (("POST that is longer", "GET!"),),
            (Syn(), Send(end=22438), Restart(), Send(end=30), Send(begin=22438)),
            reader="llhttp",
        ),
        "the old octets were read as the stream's beginning, and the new ones waited behind a gap forever",
    ),
    Find(
        "old_again_evicted: as old_again, with other connections, and a server that is silent",
        Program(
            (("POST that is longer", "GET of HTTP/1.0!"),),
            (Syn(), Send(end=25563), Others(), Send(end=1538), Send(begin=25563)),
            reader="h11",
        ),
        "as old_again",
    ),
    Find(
        "mark_in_queue: two segments wait, and between them other connections whose judgement evicts the first",
        Program(
            (("POST that is long!", "GET of a URL!"),),
            (Syn(), Send(), Hold(), Send(end=290), Send(port=3), Send(begin=290)),
            reader="h11",
        ),
        "the mark of the second was older than the verdict on the first: it seemed to be a stream behind a gap",
    ),
    Find(
        "syn_ack_again: the SYN once more between two halves of a head, and its answer in the queue between them",
        Program((("POST!",),), (Hold(), Syn(), Send(begin=6), Syn(), Send(end=6)), reader="aiohttp"),
        "a SYN/ACK that was sent again began the stream again, and its octets were forgotten",
    ),
    Find(
        "forgotten_rest: the gate forgets half a head, and takes the rest for another protocol",
        Program((("GET!",),), (Syn(), Send(end=30), Others(60), Send(begin=30)), reader="h11"),
        "the record of a flow that was evicted unjudged is used again when as many others were; an untracked "
        "connection had no mark that remembers it",
    ),
    Find(
        "syn_again_reused: half a head, other connections, the SYN once more, the other half",
        Program((("GET!",),), (Syn(), Send(end=30), Others(60), Syn(), Send(begin=30)), reader="http.server"),
        "a SYN for a flow that is not in the table began a stream, though its server had long begun",
    ),
    Find(
        "syn_again_idle: half a head, five minutes of silence, the SYN once more, the other half",
        Program((("GET!",),), (Syn(), Send(end=30), Wait(301), Others(3), Syn(), Send(begin=30)), reader="http.server"),
        "a flow that was evicted unjudged was doubted for five minutes only; servers without a time limit wait longer",
    ),
    Find(
        "syn_again_restart: half a hello, the gate starts again, the SYN once more, the other half",
        Program((("hello!",),), (Syn(), Send(end=30), Restart(), Syn(is_taken=False), Send(begin=30))),
        "as syn_again_reused; nothing outlived the gate",
    ),
    Find(
        "syn_again_live: half a head, another SYN, a decoy in front, the other half",
        Program(
            (("GET!",),),
            (
                Syn(),
                Send(end=30),
                Syn(isn=1, is_taken=False),
                Send(text="decoy", end=30, is_taken=False),
                Send(begin=30),
            ),
            reader="http.server",
        ),
        "a second SYN in a connection with unjudged octets began its stream again",
    ),
    Find(
        "fin_restart: half a head, a FIN that ends before the server, the gate starts again, the other half",
        Program(
            (("GET!",),),
            (Syn(), Send(end=30), Control(flags="FA", is_taken=False), Restart(), Syn(is_taken=False), Send(begin=30)),
            reader="h11",
        ),
        "as syn_again_restart: what a decoy's FIN ended counted as judged",
    ),
    Find(
        "acked_twice: two pieces of a body wait, their server acknowledges each, and the rest has another request",
        Program(
            (("POST that is longer", "POST", "GET with line feeds!"),),
            (Syn(), Send(), Hold(), Send(begin=40660, end=60063), Judge(), Send(begin=60063)),
            reader="http.server",
        ),
        "an acknowledgement took back how far a body was skipped, and what followed waited behind a gap forever",
    ),
    Find(
        "forgotten_unread: half a head, minutes of silence, other connections, the other half",
        Program(
            (("POST", "GET of HTTP/1.0!"),),
            (Syn(), Send(end=93), Wait(seconds=700), Others(n=60), Send(begin=93)),
            reader="http.server",
            is_closed=False,
        ),
        "what gate and kernel had both forgotten was counted as malformed, not as forgotten",
    ),
    Find(
        "syn_moved: a SYN, the gate starts again, another SYN one octet further, the hello",
        Program(
            (("hello on P-384!",),),
            (Syn(), Restart(), Control(flags="S"), Send()),
            is_asymmetric=True,
            is_closed=False,
        ),
        "what stood before the beginning that the second SYN gave was not read, and the rest was no TLS",
    ),
    Find(
        "port_again: a server hangs up in the middle of a body, and its client uses the same port again",
        Program(
            (("POST in chunks",),),
            (Syn(isn=2), Control(), Send(begin=75), Send(end=75), HangUp(), Wait(seconds=301), Syn(), Control()),
            reader="http.server",
            is_asymmetric=True,
            is_honest=True,
        ),
        "where octets were left unjudged, no SYN began anything for an hour, wherever its stream would stand",
    ),
    Find(
        "syn_again_body: a part of a body, other connections, the SYN once more, the rest and a request",
        Program(
            (("POST that is long", "GET of HTTP/1.0!"),),
            (Syn(isn=1), Send(end=6002), Others(), Syn(isn=1), Send(begin=6002)),
            reader="h11",
            is_asymmetric=True,
            is_closed=False,
        ),
        "a SYN that comes again begins its stream at the beginning, and what follows waited behind a gap, forwarded",
    ),
    Find(
        "syn_again_decoy: a part of a hello and a decoy rest, the gate starts again, a decoy part and the rest",
        Program(
            (("hello!",),),
            (
                Syn(),
                Send(end=NAME_AT + 5),
                Send(begin=NAME_AT + 5, text="decoy", is_taken=False),
                Restart(),
                Syn(is_taken=False),
                Send(end=NAME_AT + 5, text="decoy", is_taken=False),
                Send(begin=NAME_AT + 5),
            ),
            is_asymmetric=True,
        ),
        "what seemed to be judged was not remembered beyond the flow, though its server waited for another rest",
    ),
    Find(
        "syn_reset: a SYN, other connections, a SYN with RST in the middle of the head, the head",
        Program(
            (("GET without its end!", "blank lines"),),
            (Syn(), Others(), Send(end=37, flags="N"), Control(flags="SR"), Send()),
            reader="h11",
            is_asymmetric=True,
        ),
        "it was taken for the beginning of a stream, and what stood in front of that was not read",
    ),
    Find(
        "syn_ack_overtaken: the gate starts again before a SYN/ACK, a part of a body, the SYN once more, the rest",
        Program(
            (("POST that is longer", "GET of HTTP/1.0!"),),
            (Hold(), Syn(isn=1), Restart(), Send(end=31009), Syn(isn=1), Send(begin=31009)),
            reader="http.server",
        ),
        "the second SYN/ACK, sent before the part had come, began the stream again, and the part was missing in it",
    ),
    Find(
        "resumed_earlier: a long body, other connections, its beginning twice, then the rest from its middle",
        Program(
            (("POST that is longer", "GET of HTTP/1.0!"),),
            (Syn(), Send(end=60020), Others(), Send(end=34), Send(end=519), Send(begin=25222)),
            reader="llhttp",
        ),
        "octets that the server had long received moved the beginning of a stream that had been resumed behind them",
    ),
    Find(
        "fin_ahead: the FIN of a head that has no end, and then the head",
        Program(
            (("long head!",),),
            (Control(), Syn(), Send(end=524, is_first_isn=True), Control(flags="FA"), Send(end=524)),
            reader="http.server",
        ),
        "a FIN in front of which nothing had come passed, and the octets before it were not judged as a whole head",
    ),
    Find(
        "decoy_behind: a decoy behind a hello, which its server asks for again, then the second hello, listed",
        Program(
            (("hello without a share", "hello!"),),
            (Syn(), Send(end=517), Send(text="zeros", begin=517, end=530, is_taken=False), Send(begin=517)),
        ),
        "a server that had spoken counted as one that has the octets behind the hello, and the connection was released",
    ),
    Find(
        "decoy_ahead: as decoy_behind, with early data, and the decoy before the hello",
        Program(
            (("hello with early data", "hello!"),),
            (Syn(), Send(begin=516, is_taken=False, shift=1), Send(end=517), Send()),
        ),
        "as decoy_behind",
    ),
    Find(
        "amid_unread: a hello and half a long record, the gate starts again, the other half and a second hello",
        Program(
            (("hello with early data", "long encrypted!", "hello on P-384!"),),
            (Syn(), Send(end=7334), Restart(), Send(begin=7334)),
            reader="OpenSSL P-384",
            is_asymmetric=True,
            is_closed=False,
        ),
        "of a stream that goes on without its beginning only the first octets were searched for a hello",
    ),
    Find(
        "ahead_blocked: a request behind a body that has not come, the body is blocked, silence, the body again",
        Program(
            (("POST that is longer", "GET of a URL!"),),
            (Syn(), Send(begin=60064), Send(end=21816), Others(), Send(), Wait(), Send(end=60064)),
            reader="llhttp",
        ),
        "the kernel forgot that it was blocked, and what the server had of the rest was behind a body that was skipped",
    ),
    Find(
        "ahead_evicted: as ahead_blocked, with a reset that the server does not get, and other connections",
        Program(
            (("POST that is longer", "GET of a URL!"),),
            (
                Syn(),
                Send(begin=60064),
                Control(flags="R", is_taken=False),
                Others(n=200),
                Wait(),
                Send(end=60064),
            ),
            reader="llhttp",
        ),
        "a connection whose beginning neither gate nor kernel knew was read as one that begins",
    ),
    Find(
        "ahead_restarted: as ahead_evicted, and the gate starts again",
        Program(
            (("POST that is longer", "GET of a URL!"),),
            (Syn(), Send(begin=60064), Restart(), Control(flags="R", is_taken=False), Wait(), Send(end=60064)),
            reader="llhttp",
            is_closed=False,
        ),
        "as ahead_evicted; under open it was not counted",
    ),
    Find(
        "late_body: the beginning of a short body comes last, behind a long head",
        Program(
            (("long head", "POST"),),
            (
                Syn(),
                Control(),
                Send(end=6045),
                Send(begin=6045, end=6106),
                Send(begin=6114),
                Send(begin=6106, end=6114),
            ),
            reader="http.server",
            is_honest=True,
        ),
        "an honest client was blocked: the rest of the body was not kept, and might have been a request's",
    ),
    Find(
        "one_account: a long body's octets come out of order, while another subscriber begins five requests",
        Program(
            (("POST that is long", "GET"),),
            (
                Syn(),
                Control(),
                Send(end=9063),
                Send(begin=9063, end=9071),
                Send(begin=9088),
                Others(is_own=False),
                Send(begin=9082, end=9088),
                Send(begin=9071, end=9082),
            ),
            reader="h11",
            is_honest=True,
        ),
        "an honest client was blocked: accounts were found by a hash alone, and these two subscribers had one",
    ),
    *WAITING_FINDS,
)
OPEN_FINDS: tuple[OpenFind, ...] = (*OPEN_BEGINNINGS,)
# Programs on which the gate did not end.  They are played in a process of their own.
HANGS = (
    Find(
        "endless: octets of a stream without a beginning, then those before them",
        Program(
            (("POST that is long", "long head"),),
            (Send(begin=9100), Send(text="zeros")),
            reader="http.server",
            is_closed=False,
        ),
        "without an ISN, positions before the first octet seen are negative, and those of 0 no longer meant none",
    ),
)


def is_known(program: Program) -> bool:
    """Whether a find needs what an open one needs."""
    return any(find.program.is_honest is program.is_honest and find.is_alike(program) for find in OPEN_FINDS)
