"""Labels of judged connections, for control: by them it finds what a rule closes that was tightened since.

    names of a hello or head, allowed → keyed hashes and categories → message to conntrack, behind the batch's verdicts

The kernel keeps 128 bits for each connection that it tracks, for as long as it tracks it.  They hold what control needs
to end exactly the connections that a change closes: which categories match the name, and the name's last two and last
three labels as keyed hashes.  The gate writes them with the verdict that allows the name.

Invariants: what the help corridor allows has no label, so no change of a rule ends it.  What was allowed although it
could not be judged has the category *undecidable*, and no hashes where it has no name.  A hash is of no use to anyone
who has not the key of this box.  A label says more than is so, never less: more names than one are SEVERAL, which every
name is taken to match, and more categories than fit are MORE, which every category is.
Absent on purpose: NFQA_CT, which carries a label with a verdict: the kernel may be built without it.  A message of its
own costs 0.5 µs, for each hello.
Source: linux/netfilter/nfnetlink_conntrack.h; SipHash (fastpath/base/siphash.pyx).
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from fastpath.base.cursor cimport OK
from fastpath.base.siphash cimport siphash13
from fastpath.images.layout cimport ListRow
from fastpath.images.verdict cimport T_ALLOWED, T_HELP, Decision
from fastpath.wire.name cimport Name, name_from_wire
from fastpath.wire.packet cimport PacketView

cdef enum:
    CT_NEW = 0x0100     # NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW: of an entry that is there, a change
    NFPROTO_IPV4 = 2
    NFPROTO_IPV6 = 10
    CTA_TUPLE_ORIG = 1      # the kernel finds the entry by either of its tuples
    CTA_LABELS = 22
    CTA_TUPLE_IP = 1
    CTA_TUPLE_PROTO = 2
    CTA_IP_V4_SRC = 1
    CTA_IP_V6_SRC = 3
    CTA_PROTO_NUM = 1
    CTA_PROTO_SRC_PORT = 2
    CTA_PROTO_DST_PORT = 3
    NESTED = 0x8000
    ATTRIBUTE = 4           # octets of a header
    PADDED = 4              # octets of a short value
    HEADERS = 20            # netlink's and netfilter's
    PROTO_OCTETS = 28       # CTA_TUPLE_PROTO with what is in it
    LABEL_OCTETS = 16
    ADDRESSES_AT = HEADERS + 3 * ATTRIBUTE  # of the source; the destination is one header behind it
    BEHIND_PORTS = 16       # from the source port to the label
    MORE = 255

cdef extern from *:
    """
    #define FD_SEVERAL UINT32_C(0xffffffff)
    """
    const uint32_t SEVERAL "FD_SEVERAL"


cdef void begin_label(Labels* l, const Label* before) noexcept nogil:
    """Begin the label of a hello or head.   before  what its connection has by now: it may still run; NULL: nothing"""
    if before == NULL:
        memset(&l.now, 0, sizeof(Label))
    else:
        l.now = before[0]


cdef void add_to_label(Labels* l, const Name* name, const Decision* d, const ListRow* lists) noexcept nogil:
    """Add a name that `d` allows to the label of this hello or head."""
    cdef Label one
    if not l.is_on or d.tier == T_HELP or name.n_labels == 0:
        return
    _hash_name(l.key, name, &one)
    if l.now.two == 0:
        l.now.two = one.two
        l.now.three = one.three
    elif l.now.two != one.two or l.now.three != one.three:
        l.now.two = l.now.three = SEVERAL
    # a name that the household allows is closed by no category; should it forget the name, the hashes tell
    if d.tier != T_ALLOWED and d.matched[0] | d.matched[1]:
        _add_categories(&l.now, d, lists)


cdef void add_category(Labels* l, uint8_t category) noexcept nogil:
    """Add a category to the label of what is judged now, whether it has a name or none."""
    _add_category(&l.now, category + 1)


cdef void _hash_name(const uint64_t* key, const Name* name, Label* out) noexcept nogil:
    out.two = _hash_behind(key, name, name.n_labels - 2 if name.n_labels > 2 else 0)
    out.three = _hash_behind(key, name, name.n_labels - 3) if name.n_labels > 2 else 0


cdef uint32_t _hash_behind(const uint64_t* key, const Name* name, uint8_t label) noexcept nogil:
    """Keyed hash of a name from a label on: never 0, never SEVERAL."""
    cdef uint8_t at = name.at[label]
    cdef uint32_t found = <uint32_t>siphash13(key, name.wire + at, name.n - at)
    return 1 if found == 0 or found == SEVERAL else found


cdef void _add_categories(Label* label, const Decision* d, const ListRow* lists) noexcept nogil:
    cdef int word
    cdef int i
    cdef uint64_t left
    for word in range(2):
        i = 64 * word
        left = d.matched[word]
        while left:
            if left & 1 and lists[i].category:
                _add_category(label, lists[i].category + 1)
            left >>= 1
            i += 1


cdef void _add_category(Label* label, uint8_t found) noexcept nogil:
    """found  its number plus one"""
    cdef int k
    for k in range(LABEL_CATEGORIES):
        if label.categories[k] == 0:
            label.categories[k] = found
        if label.categories[k] == found:
            return
    label.categories[LABEL_CATEGORIES - 1] = MORE


cdef bint put_label(Labels* l, const PacketView* p) noexcept nogil:
    """Put the message that labels the connection of a client's packet; of one packet, the last.   False: no room."""
    cdef uint32_t n = OCTETS4 if p.version == 4 else OCTETS6
    cdef uint8_t* at
    if not l.is_on or l.now.two == 0 and l.now.categories[0] == 0:
        return True
    if LABELS_ROOM - l.used < n:
        return False
    at = l.messages + l.used
    _write_message(l, at, n, p)
    if l.used - l.last == n and memcmp(at - n, at, n - LABEL_OCTETS) == 0:
        memcpy(at - LABEL_OCTETS, &l.now, LABEL_OCTETS)     # another request in the same packet
        return True
    l.last = l.used
    l.used += n
    return True


cdef inline void _write_message(const Labels* l, uint8_t* out, uint32_t n, const PacketView* p) noexcept nogil:
    """Fill in a form.   n  its octets"""
    cdef size_t width = 4 if n == OCTETS4 else 16
    cdef uint8_t* ports = out + n - LABEL_OCTETS - BEHIND_PORTS
    if n == OCTETS4:
        memcpy(out, l.form4, n)
    else:
        memcpy(out, l.form6, n)
    memcpy(out + ADDRESSES_AT, p.src, width)
    memcpy(out + ADDRESSES_AT + width + ATTRIBUTE, p.dst, width)
    ports[-8] = p.proto
    ports[0] = p.sport >> 8
    ports[1] = p.sport & 0xff
    ports[8] = p.dport >> 8
    ports[9] = p.dport & 0xff
    memcpy(out + n - LABEL_OCTETS, &l.now, LABEL_OCTETS)


cdef void open_labels(Labels* l, const uint8_t* key) noexcept nogil:
    """Write labels by a key of 16 octets from now on."""
    memcpy(l.key, key, sizeof(l.key))
    _write_form(l.form4, OCTETS4, NFPROTO_IPV4)
    _write_form(l.form6, OCTETS6, NFPROTO_IPV6)
    l.is_on = 1


cdef void _write_form(uint8_t* out, uint32_t n, uint8_t family) noexcept nogil:
    """Write a message with zeros for addresses, protocol, ports and label."""
    cdef uint16_t kind = CT_NEW
    cdef uint16_t flags = 1         # NLM_F_REQUEST
    cdef uint16_t source = CTA_IP_V4_SRC if family == NFPROTO_IPV4 else CTA_IP_V6_SRC
    cdef uint16_t width = 4 if family == NFPROTO_IPV4 else 16
    cdef uint16_t ip_n = ATTRIBUTE + 2 * (ATTRIBUTE + width)
    cdef uint8_t* at
    memset(out, 0, n)
    memcpy(out, &n, 4)
    memcpy(out + 4, &kind, 2)
    memcpy(out + 6, &flags, 2)
    out[16] = family
    at = _open(out + HEADERS, CTA_TUPLE_ORIG | NESTED, ATTRIBUTE + ip_n + PROTO_OCTETS)
    at = _open(at, CTA_TUPLE_IP | NESTED, ip_n)
    at = _open(at, source, ATTRIBUTE + width) + width
    at = _open(at, source + 1, ATTRIBUTE + width) + width
    at = _open(at, CTA_TUPLE_PROTO | NESTED, PROTO_OCTETS)
    at = _open(at, CTA_PROTO_NUM, ATTRIBUTE + 1) + PADDED
    at = _open(at, CTA_PROTO_SRC_PORT, ATTRIBUTE + 2) + PADDED
    at = _open(at, CTA_PROTO_DST_PORT, ATTRIBUTE + 2) + PADDED
    _open(at, CTA_LABELS, ATTRIBUTE + LABEL_OCTETS)


cdef uint8_t* _open(uint8_t* at, uint16_t kind, uint16_t n) noexcept nogil:
    """Write an attribute's header; returns where its value begins."""
    memcpy(at, &n, 2)
    memcpy(at + 2, &kind, 2)
    return at + ATTRIBUTE


# -- Python ------------------------------------------------------------------------------------------------------------

ALL_CATEGORIES = MORE
ALL_NAMES = SEVERAL


def hashes_of(bytes name not None, bytes key not None):
    """(hash of the last two labels, of the last three) of a name in wire form, as a label has them."""
    cdef Name parsed
    cdef Label label
    cdef uint64_t words[2]
    cdef size_t after
    if len(key) != 16:
        raise ValueError(f"key of labels: {len(key)} octets; not used; it has 16")
    memcpy(words, <const uint8_t*>key, 16)
    if name_from_wire(name, len(name), 0, &parsed, &after) != OK:
        raise ValueError("name: not in wire form; not hashed; give it canonical")
    _hash_name(words, &parsed, &label)
    return label.two, label.three
