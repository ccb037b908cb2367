"""Finds of packets that wait for the gate while their connection ends and another one begins with its ports."""

from adversary.actions import Control, HangUp, Hold, Program, Send, Syn, Wait
from adversary.find import Find

WAITING_FINDS = (
    Find(
        "overtaken: a request waits for the gate while its server resets and its client begins again",
        Program(
            (("GET!",),),
            (Syn(isn=2), Syn(), Hold(), Control(), Send(), HangUp(), Syn(server_isn=1), Control()),
            reader="aiohttp",
        ),
        "a SYN overtook it, and so it came in the new connection, judged by its place in the old one",
    ),
    Find(
        "overtaken_reset: as overtaken, and the client resets, too",
        Program(
            (("GET!",),),
            (
                Syn(isn=2),
                Syn(),
                Hold(),
                Control(),
                Send(),
                HangUp(),
                Control(flags="R"),
                Syn(server_isn=1),
                Control(),
            ),
            reader="aiohttp",
        ),
        "as overtaken, and the kernel's entry of the old connection was gone",
    ),
    Find(
        "overtaken_silent: as overtaken, and the kernel forgets the old connection",
        Program(
            (("GET!",),),
            (Syn(isn=2), Syn(), Hold(), Control(), Send(), HangUp(), Wait(), Syn(server_isn=1), Control()),
            reader="aiohttp",
        ),
        "as overtaken_reset",
    ),
    Find(
        "unanswered: a request behind a SYN that waits for the gate, with the number that the server will choose",
        Program(
            (("GET!",),),
            (Syn(isn=2), Hold(), Control(), HangUp(), Syn(server_isn=3), Send()),
            reader="aiohttp",
        ),
        "it was judged by its place in the old connection before the new one's SYN/ACK came",
    ),
    Find(
        "repeated: the server resets, its client begins again with the same SYN and a request in the old one's place",
        Program(
            (("GET of a URL!",), ("POST that is longer",)),
            (Syn(isn=1, server_isn=2), Send(stream=1), Hold(), HangUp(), Syn(isn=1), Send()),
            reader="llhttp",
        ),
        "a SYN with the known ISN was taken for the first one again, and the request for octets that were judged",
    ),
)
