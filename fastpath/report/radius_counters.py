"""The counters of the role radius: rows of counter_table.py, with the same invariants."""

from fastpath.report.counter import Counter

RADIUS = (
    Counter(
        "radius_requests",
        "Accounting requests received.",
        "Load. If it jumps, a NAS has restarted, or sends interim updates too often.",
    ),
    Counter(
        "radius_answered",
        "Accounting requests answered, once what they say was on the disk.",
        "Normal. The rest of `radius_requests` is in the counters below.",
    ),
    Counter(
        "radius_repeated",
        "Accounting requests that came again, and were answered again without effect.",
        "Some are normal. Many: answers are lost or late, see the load of this box and the path to the NAS.",
    ),
    Counter(
        "radius_unknown_nas",
        "Datagrams to the accounting port from addresses that no entry of `/radius/nas` has. Not read.",
        "A new NAS or relay: enter it. Otherwise someone tries: close the port to strangers.",
    ),
    Counter(
        "radius_bad_authenticator",
        "Accounting requests whose authenticator does not fit the secret. Not answered.",
        "A NAS has another secret than `/radius/nas` says; otherwise someone forges requests.",
    ),
    Counter(
        "radius_malformed",
        "Datagrams from a NAS that are no accounting request that can be read. Not answered.",
        "A NAS that sends other than accounting here, or a fault of it: look at a capture.",
    ),
    Counter(
        "radius_stale",
        "Accounting requests without a time, or with one outside of `/radius/replay_window`. Not answered.",
        "The clock of a NAS or of this box is wrong; or old requests are sent again. A NAS that never says a time: see "
        "`/radius/nas/timestamps`.",
    ),
    Counter(
        "radius_out_of_order",
        "Accounting requests that were answered and changed nothing, as a later one had been heard before.",
        "Some are normal behind a relay. An interim update after the stop of its session counts here, too.",
    ),
    Counter(
        "radius_unidentified",
        "Sessions that began for a name that no line has. The default profile of their NAS holds there.",
        "Names are missing: see `filterd sessions names`; or control does not run.",
    ),
    Counter(
        "radius_taken_over",
        "Sessions that ended because a later one has their address.",
        "Stops are lost on the way, or two lines have been given one address.",
    ),
    Counter(
        "radius_nas_restarts",
        "Accounting-On and Accounting-Off: all sessions of that NAS have ended.",
        "A NAS was restarted. Its lines get the default profile until their sessions begin again.",
    ),
    Counter(
        "radius_refused",
        "Accounting requests that could not be kept: the journal cannot be written, or there are too many sessions. "
        "Not answered, so the NAS sends them again.",
        "Look at the disk and at the faults in `filterd status`.",
    ),
    Counter(
        "radius_journal_cut",
        "Times that the journal of sessions ended in a record that was not whole, which was cut off at the start.",
        "The box or the role died in the middle of a write; what was answered is whole. Otherwise the disk is bad.",
    ),
)
