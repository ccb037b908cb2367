"""The keys of images: one of the box, which lies apart from them, and from it one of its own for every base.

    key of the box, 32 octets, held by the processes that open images
        → with the salt in a base's header: two words for hashes, two for digests and for the last step of a hash
        → without one: two words for the names in labels of connections, which outlive a base

A sealed image holds the salt and a check, so a stolen one without the key of the box can be searched for nothing: not
even whether a hash is there can be computed.  An image with a key of 16 octets is not sealed: it holds its key, and is
for lists that anyone who has the image may read.
Source: HMAC-SHA256 (RFC 2104) as the key derivation.
"""

import hmac
import secrets

BOX_OCTETS = 32
SALT_OCTETS = 8
HEADER_OCTETS = 16  # the salt and the check, or the key of an image that is not sealed
SEALED_OCTETS = HEADER_OCTETS + 32
LABEL_OCTETS = 16

_held: list[bytes] = []


class NoKey(ValueError):
    """The key of a sealed image is not held by this process, or is another one."""


def hold(key_of_box: bytes) -> None:
    """Open sealed images with this key from now on, in this process.   Raises ValueError for another length."""
    if len(key_of_box) != BOX_OCTETS:
        raise ValueError(f"key of images: {len(key_of_box)} octets; not used; it has {BOX_OCTETS}")
    _held[:] = [key_of_box]


def forget() -> None:
    """Open no sealed image any more."""
    _held.clear()


def new_key() -> bytes:
    """A key for a new base, as the builders take it.   Raises NoKey where none is held."""
    salt = secrets.token_bytes(SALT_OCTETS)
    return _sealed(salt)


def key_behind(header: bytes) -> bytes:
    """The key of a sealed image, as the builders take it.   header  its 16 octets in the image

    Raises NoKey."""
    key = _sealed(header[:SALT_OCTETS])
    if not hmac.compare_digest(key[:HEADER_OCTETS], header):
        raise NoKey("it was sealed with another key than this process has")
    return key


def _sealed(salt: bytes) -> bytes:
    if not _held:
        raise NoKey("it is sealed, and this process has no key of images")
    check = hmac.digest(_held[0], b"check" + salt, "sha256")[: HEADER_OCTETS - SALT_OCTETS]
    return salt + check + hmac.digest(_held[0], b"image" + salt, "sha256")


def label_key() -> bytes:
    """The 16 octets by which names are hashed in labels of connections.   Raises NoKey where none is held."""
    if not _held:
        raise NoKey("connections are not labelled: this process has no key of images")
    return hmac.digest(_held[0], b"labels of connections", "sha256")[:LABEL_OCTETS]
