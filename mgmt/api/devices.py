"""/v1/subscribers/{id}/devices: tokens by which a line's devices are known in any network, shown once.

A parent's token reaches the own line's devices alone, as in mgmt.api.subscribers.
"""

from typing import Any

from aiohttp import web

from mgmt.api.subscribers import HOME, live_receipt, own_number, read_there, there
from mgmt.app_context import SETTINGS, json_response, read, write
from mgmt.auth import Principal, Route
from mgmt.settings import Settings
from parental import devices


async def list_devices(request: web.Request, principal: Principal) -> web.Response:
    """GET /v1/subscribers/{id}/devices"""
    number = own_number(request, principal)
    await read(request, lambda conn: read_there(conn, number))
    names = await read(request, lambda conn: devices.device_names(conn, number))
    return json_response({"id": number, "devices": names})


async def put_device(request: web.Request, principal: Principal) -> web.Response:
    """PUT /v1/subscribers/{id}/devices/{name}: a new token; the one before is no longer known."""
    number, name = own_number(request, principal), request.match_info["name"]
    token = await write(request, lambda conn: there(devices.put_device, conn, number, name))
    shown = {"id": number, "device": name, **token_json(token, request.app[SETTINGS])}
    return json_response({**shown, "receipt": await live_receipt(request)}, 201)


async def delete_device(request: web.Request, principal: Principal) -> web.Response:
    """DELETE /v1/subscribers/{id}/devices/{name}"""
    number, name = own_number(request, principal), request.match_info["name"]
    await write(request, lambda conn: there(devices.delete_device, conn, number, name))
    return json_response({"id": number, "device": name, "deleted": True, "receipt": await live_receipt(request)})


def token_json(token: str, settings: Settings) -> dict[str, Any]:
    """A token, and what to write into the device; without a name of ours the latter is not known."""
    name = settings.dns_name
    return {
        "token": token,
        "tls": f"{token}.{name}" if name else None,
        "https": f"https://{name}/dns-query/{token}" if name else None,
    }


ROUTES = (
    Route("GET", "/v1/subscribers/{id}/devices", list_devices, HOME),
    Route("PUT", "/v1/subscribers/{id}/devices/{name}", put_device, HOME),
    Route("DELETE", "/v1/subscribers/{id}/devices/{name}", delete_device, HOME),
)
