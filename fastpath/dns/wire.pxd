"""Numbers of the DNS wire format, each in one place and one encoding.

Invariants: a flag is a mask of the header's 16-bit flags word.  X_OCTET2 and X_OCTET3 are the same flag in that octet
of the message, counted from 0.
Source: IANA, Domain Name System (DNS) Parameters; RFC 1035 §4.1 where nothing else is given.
"""
from fastpath.wire.name cimport NAME_OCTETS

cdef enum:                          # flags of the header
    QR = 0x8000                     # the message is a response
    OPCODE_MASK = 0x7800            # 0: QUERY
    AA = 0x0400
    TC = 0x0200
    RD = 0x0100
    RA = 0x0080
    AD = 0x0020                     # RFC 4035 §3.2.3
    CD = 0x0010                     # RFC 4035 §3.2.2
    RCODE_MASK = 0x000f             # the lower four bits of the rcode; the OPT has the others
    QR_OCTET2 = QR >> 8
    TC_OCTET2 = TC >> 8
    RD_OCTET2 = RD >> 8
    RA_OCTET3 = RA
    AD_OCTET3 = AD
    CD_OCTET3 = CD

cdef enum:                          # rcodes
    RCODE_NOERROR = 0
    RCODE_FORMERR = 1
    RCODE_SERVFAIL = 2
    RCODE_NXDOMAIN = 3
    RCODE_NOTIMP = 4
    RCODE_REFUSED = 5
    RCODE_BADVERS = 16              # RFC 6891 §9

cdef enum:                          # types of records and questions
    TYPE_A = 1
    TYPE_NS = 2
    TYPE_MD = 3
    TYPE_MF = 4
    TYPE_CNAME = 5
    TYPE_SOA = 6
    TYPE_MB = 7
    TYPE_MG = 8
    TYPE_MR = 9
    TYPE_PTR = 12
    TYPE_HINFO = 13
    TYPE_MINFO = 14
    TYPE_MX = 15
    TYPE_TXT = 16
    TYPE_RP = 17                    # RFC 1183
    TYPE_AFSDB = 18                 # RFC 1183
    TYPE_RT = 21                    # RFC 1183
    TYPE_PX = 26                    # RFC 2163
    TYPE_AAAA = 28                  # RFC 3596
    TYPE_SRV = 33                   # RFC 2782
    TYPE_KX = 36                    # RFC 2230
    TYPE_DNAME = 39                 # RFC 6672
    TYPE_OPT = 41                   # RFC 6891
    TYPE_DS = 43                    # RFC 4034
    TYPE_RRSIG = 46                 # RFC 4034
    TYPE_NSEC = 47                  # RFC 4034
    TYPE_NSEC3 = 50                 # RFC 5155
    TYPE_SVCB = 64                  # RFC 9460
    TYPE_HTTPS = 65                 # RFC 9460
    TYPE_TKEY = 249                 # RFC 2930
    TYPE_AXFR = 252                 # RFC 5936
    TYPE_MAILA = 254                # the last of those that ask for something else than records of a name
    TYPE_ANY = 255

cdef enum:                          # classes
    CLASS_IN = 1
    CLASS_CH = 3
    CLASS_ANY = 255

cdef enum:                          # of EDNS
    DO = 0x8000                     # of the lower half of an OPT's TTL, RFC 3225
    OPTION_NSID = 3                 # RFC 5001 §2.3
    OPTION_COOKIE = 10              # RFC 7873 §4
    OPTION_PADDING = 12             # RFC 7830 §3
    OPTION_EDE = 15                 # RFC 8914 §2
    OPTION_SDE = 26                 # draft-ietf-dnsop-structured-dns-error-27 §5.4; not empty: it is ignored
    OPTION_MAC = 65001              # dnsmasq add-mac: the raw address
    OPTION_MAC_TEXT = 65073         # dnsmasq add-mac=text, =base64
    OPTION_CPE = 65074              # dnsmasq add-cpe-id

cdef enum:                          # info-codes of extended DNS errors, RFC 8914 §4
    EDE_STALE_ANSWER = 3
    EDE_FORGED_ANSWER = 4
    EDE_NOT_READY = 14
    EDE_BLOCKED = 15
    EDE_FILTERED = 17
    EDE_PROHIBITED = 18
    EDE_NO_REACHABLE_AUTHORITY = 22
    EDE_NETWORK_ERROR = 23
    EDE_INVALID_DATA = 24

cdef enum:                          # keys of SvcParams, RFC 9460 §14.3.2
    SVC_MANDATORY = 0
    SVC_IPV4HINT = 4
    SVC_ECH = 5                     # RFC 9848
    SVC_IPV6HINT = 6

cdef enum:                          # name compression, RFC 1035 §4.1.4
    POINTER = 0xc0                  # the length octet of a pointer is not below this
    POINTER_HIGH = 0x3f             # the rest of that octet: the upper bits of the offset
    POINTER_WORD = 0xc000           # a whole pointer, without its offset
    POINTER_OFFSET = 0x3fff
    POINTER_TO_QNAME = 0xc00c       # to the name behind the header

cdef enum:                          # sizes in octets
    HEADER_OCTETS = 12
    TYPE_CLASS_OCTETS = 4           # a question without its name
    RECORD_OCTETS = 10              # type, class, TTL, RDLENGTH: a record without its owner and its rdata
    OPT_OCTETS = 1 + RECORD_OCTETS  # without options: its owner is the root
    OPTION_OCTETS = 4               # code and length of an EDNS option
    SVC_PARAM_OCTETS = 4            # key and length of a SvcParam
    SVC_PRIORITY_OCTETS = 2
    SOA_NUMBERS_OCTETS = 20         # serial, refresh, retry, expire, minimum
    COOKIE_CLIENT_OCTETS = 8        # RFC 7873 §4: the client's part
    COOKIE_OCTETS = 24              # RFC 9018 §4: with a server's part of version 1
    COOKIE_MOST_OCTETS = 40         # RFC 7873 §4: with any server's part
    UDP_OCTETS = 512                # RFC 1035 §4.2.1: what every client takes over UDP
    EDNS_OCTETS = 1232              # fits every IPv6 path unfragmented (DNS flag day 2020, RFC 9715)
    MESSAGE_OCTETS = 65535          # the longest that a stream carries: its length has 16 bits
    # a query as an upstream gets it: one question and an OPT without options
    UPSTREAM_QUERY_OCTETS = HEADER_OCTETS + NAME_OCTETS + TYPE_CLASS_OCTETS + OPT_OCTETS
