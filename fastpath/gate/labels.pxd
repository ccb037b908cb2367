"""Labels of judged connections: see labels.pyx."""
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastpath.images.layout cimport ListRow
from fastpath.images.verdict cimport Decision
from fastpath.wire.name cimport Name
from fastpath.wire.packet cimport PacketView

cdef enum:
    LABEL_CATEGORIES = 8    # a name in more lists of different categories has MORE in the last place
    OCTETS4 = 92            # of a message
    OCTETS6 = 116
    LABELS_ROOM = 64 * OCTETS6  # one for each packet of a batch


cdef packed struct Label:   # 16 octets, as they are in the kernel, in this machine's order
    uint32_t two            # keyed hash of the name's last two labels; 0: no name, SEVERAL: of different ones
    uint32_t three          # of its last three; 0: it has no more than two
    uint8_t categories[LABEL_CATEGORIES]    # of the lists that match it, each plus one; 0: none


cdef struct Labels:         # of one worker
    uint64_t key[2]         # of SipHash-1-3
    uint8_t is_on           # there is a key
    Label now               # of the hello or head that is being judged, and of those before it on its connection
    uint32_t used           # octets of `messages`
    uint32_t last           # where the last message begins
    uint8_t form4[OCTETS4]  # messages that have to be filled in
    uint8_t form6[OCTETS6]
    uint8_t messages[LABELS_ROOM]


cdef void open_labels(Labels* l, const uint8_t* key) noexcept nogil
cdef void begin_label(Labels* l, const Label* before) noexcept nogil
cdef void add_to_label(Labels* l, const Name* name, const Decision* d, const ListRow* lists) noexcept nogil
cdef void add_category(Labels* l, uint8_t category) noexcept nogil
cdef bint put_label(Labels* l, const PacketView* p) noexcept nogil
