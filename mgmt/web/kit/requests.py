"""A request as its endpoint reads it: parameters and body, decoded by the contract of its route.

Parameters are decoded before the endpoint is called; the body when it asks for it, once it knows that the holder of the
token may touch what the path names.
"""

import asyncio
from typing import TypeVar

import msgspec
from aiohttp import web
from msgspec import Struct

from mgmt.contract.decoder import decode, decode_query
from mgmt.web.kit.auth import Principal, PrincipalEndpoint, Route
from mgmt.web.kit.body import read_body
from mgmt.web.kit.contract import Contract

LARGE_OCTETS = 64 * 2**10  # a larger body is decoded in a thread: the loop goes on meanwhile

_CONTRACT: web.RequestKey[Contract] = web.RequestKey("contract", Contract)
_QUERY: web.RequestKey[Struct] = web.RequestKey("query", Struct)
_OCTETS: web.RequestKey[bytes] = web.RequestKey("octets", bytes)
T = TypeVar("T")


def framed(route: Route) -> PrincipalEndpoint:
    """The route's endpoint, for requests whose parameters its contract knows."""

    async def endpoint(request: web.Request, principal: Principal) -> web.StreamResponse:
        request[_CONTRACT] = route.contract
        request[_QUERY] = decode_query(request.query, route.contract.query)
        return await route.endpoint(request, principal)

    return endpoint


def query_of(request: web.Request, shape: type[T]) -> T:
    """The parameters; `shape` is the contract's."""
    said = request[_QUERY]
    assert isinstance(said, shape)
    return said


async def octets_of(request: web.Request) -> bytes:
    """The body as it was sent, within the limits of the contract.   Raises what read_body() raises."""
    if _OCTETS not in request:
        contract = request[_CONTRACT]
        request[_OCTETS] = await read_body(request, contract.at_most, contract.within_s)
    return request[_OCTETS]


async def body_of(request: web.Request, shape: type[T]) -> T:
    """The body; `shape` is the contract's.   Raises NotJson, BadRequest, and what read_body() raises."""
    assert request[_CONTRACT].body is shape
    octets = await octets_of(request)
    if len(octets) > LARGE_OCTETS:
        return await asyncio.to_thread(decode, octets, shape)
    return decode(octets, shape)


def shown(found: object, shape: type[T]) -> T:
    """What another room says, as the contract promises it.

    Raises msgspec.ValidationError where it differs: a fault of filterd"""
    return msgspec.convert(found, shape)
