"""Octets and parameters to values of a type, or a refusal that names the place.

Invariants: what comes back has the stated type and is inside its bounds; a refusal never quotes more than a line of
what was sent.
Source: RFC 6901 (pointers), RFC 8259, RFC 9457.
"""

import difflib
import functools
import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import inspect
from msgspec.structs import fields
from multidict import MultiMapping

from mgmt.contract.errors import BadRequest, NotJson
from mgmt.contract.fields import sendable, unfit

MAX_KEY_CHARACTERS = 40  # that a suggestion is looked for; twice the longest key: its cost grows with the square
MAX_QUOTED_CHARACTERS = 200

# It takes some 300 µs for a shape of five fields, and a request may hold a thousand rows to refuse.
_type_info = functools.cache(inspect.type_info)
_WRITTEN = (inspect.IntType, inspect.BoolType)
T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)
_PATH = re.compile(r" - at `\$(.*)`$", re.DOTALL)
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_EXPRESSION = re.compile(r"Expected 'str' matching regex '.*'", re.DOTALL)  # no reader's language
_KEY = re.compile(r"Object (contains unknown|missing required) field `(.*)`", re.DOTALL)


def decode(octets: bytes, shape: type[T]) -> T:
    """A body as a value of `shape`.   Raises NotJson, BadRequest."""
    try:
        return msgspec.json.decode(octets, type=shape)
    except msgspec.ValidationError as refusal:
        raise _refused(str(refusal), shape, "") from refusal
    except (ValueError, RecursionError) as reason:
        said = str(reason)[:MAX_QUOTED_CHARACTERS]
        raise NotJson("body", f"body: not JSON in UTF-8 ({said}); not taken; send an object") from reason


def decode_query(said: MultiMapping[str], shape: type[S], sign: str = "?") -> S:
    """Parameters as a value of `shape`; `/`: the fields of a form.   Raises BadRequest."""
    known = {field.encode_name: field for field in fields(shape)}
    values: dict[str, Any] = {}
    for name, text in said.items():
        where = sign + sendable(name[:MAX_KEY_CHARACTERS])
        if name not in known:
            write = f"write {nearest(name, tuple(known))}" if known else "leave it out"
            what = "an unknown parameter" if sign == "?" else "an unknown field"
            raise unfit(where, what, write)
        if name in values:
            raise unfit(where, "said twice", "write it once")
        # A number is written as a text here; an instant that is written as a number is still refused.
        is_number = any(isinstance(each, _WRITTEN) for each in _kinds(_type_info(known[name].type)))
        try:
            values[name] = msgspec.convert(text, known[name].type, strict=not is_number)
        except msgspec.ValidationError as refusal:
            advice = advice_of(_type_info(known[name].type))
            raise unfit(where, _shortened(str(refusal)), advice) from refusal
        if values[name] is None:  # msgspec reads "null" so; there is no way to write null here
            raise unfit(where, "null", advice_of(_type_info(known[name].type)))
    try:
        return msgspec.convert(values, shape)
    except msgspec.ValidationError as refusal:
        raise _refused(str(refusal), shape, sign) from refusal


def nearest(key: str, known: Sequence[str]) -> str:
    """Of `known`, what `key` may have meant; all of them where that cannot be seen."""
    near = difflib.get_close_matches(key, known, 1) if len(key) <= MAX_KEY_CHARACTERS else []
    return near[0] if near else "one of " + ", ".join(known)


def advice_of(kind: inspect.Type) -> str:
    """What to write where a value of this type is wanted."""
    return "write " + " or ".join(dict.fromkeys(_wanted(each) for each in _kinds(kind)))


def _refused(said: str, shape: type, sign: str) -> BadRequest:
    """sign  '' for a field of a body; '?' for a parameter, whose path has no other step"""
    found = _PATH.search(said)
    steps = [name or int(number) for name, number in _STEP.findall(found[1])] if found else []
    message = said[: found.start()] if found else said
    kinds = tuple(_at(_type_info(shape), steps))
    if key := _KEY.fullmatch(message):
        return _of_key(steps, kinds, key[2], sign, is_unknown=key[1] == "contains unknown")
    where = _pointer(steps, sign) or "body"
    return unfit(where, _shortened(message), advice_of(inspect.UnionType(kinds)))


def _of_key(
    steps: list[str | int], kinds: tuple[inspect.Type, ...], key: str, sign: str, *, is_unknown: bool
) -> BadRequest:
    where = _pointer([*steps, sendable(key[:MAX_KEY_CHARACTERS])], sign)
    there = [field for kind in kinds if isinstance(kind, inspect.StructType) for field in kind.fields]
    if is_unknown:
        return unfit(where, "an unknown key", f"write {nearest(key, [field.encode_name for field in there])}")
    wanted = [field.type for field in there if field.encode_name == key]
    return unfit(where, "missing", advice_of(wanted[0]))


def _pointer(steps: Sequence[str | int], sign: str) -> str:
    escaped = (str(step).replace("~", "~0").replace("/", "~1") for step in steps)
    return "".join((sign or "/") + step for step in escaped)


def _at(kind: inspect.Type, steps: Sequence[str | int]) -> Iterator[inspect.Type]:
    """The types that a value at the end of `steps` may have."""
    for each in _kinds(kind):
        if not steps:
            yield each
        elif isinstance(each, inspect.StructType):
            for field in each.fields:
                if field.encode_name == steps[0]:
                    yield from _at(field.type, steps[1:])
        elif isinstance(each, (inspect.ListType, inspect.VarTupleType)):
            yield from _at(each.item_type, steps[1:])


def _kinds(kind: inspect.Type) -> Iterator[inspect.Type]:
    """A type, or those of a union, without what only describes them, and without null, which is never advised."""
    if isinstance(kind, inspect.Metadata):
        yield from _kinds(kind.type)
    elif isinstance(kind, inspect.UnionType):
        for each in kind.types:
            yield from _kinds(each)
    elif not isinstance(kind, inspect.NoneType):
        yield kind


def _wanted(kind: inspect.Type) -> str:
    match kind:
        case inspect.LiteralType(values):
            return "one of " + ", ".join(map(str, values))
        case inspect.StrType(max_length=most, pattern=pattern):
            line = "on one line" if pattern else ""
            return f"1 to {most} characters {line}".rstrip() if most else "a text"
        case inspect.IntType(ge=least, le=most):
            return "a whole number" + (f", {least or 0} to {most}" if most is not None else "")
        case inspect.BoolType():
            return "true or false"
        case inspect.DateTimeType():
            return "2026-08-04T10:00:00+05:00"
        case inspect.DateType():
            return "2026-08-04"
        case inspect.ListType(max_length=most) | inspect.VarTupleType(max_length=most):
            return f"[…] with at most {most}" if most else "[…]"
        case _:
            return "{…}"


def _shortened(message: str) -> str:
    message = _EXPRESSION.sub("a text that is not of its form", message.replace("`", "'"))
    return sendable(message[:1].lower() + message[1:MAX_QUOTED_CHARACTERS])
