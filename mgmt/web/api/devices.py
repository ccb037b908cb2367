"""/v1/subscribers/{id}/devices: tokens by which a line's devices are known in any network, shown once.

A parent's token reaches the own line's devices alone, as in mgmt.web.api.subscribers.
"""

from aiohttp import web
from sqlalchemy import Connection

from mgmt.registers.settings.page_settings import Settings
from mgmt.web.api.line_shapes import DeletedDevice, Devices, DeviceToken
from mgmt.web.api.subscribers import live_receipt, own_number, read_there, there
from mgmt.web.kit.app_context import SETTINGS, json_response, read, write
from mgmt.web.kit.auth import Principal, Route
from mgmt.web.kit.conditions import require_unchanged, tagged_response
from mgmt.web.kit.contract import Contract
from parental.people import devices


async def list_devices(request: web.Request, principal: Principal) -> web.Response:
    """List a line's devices."""
    number = own_number(request, principal)
    await read(request, lambda conn: read_there(conn, number))
    names = await read(request, lambda conn: devices.device_names(conn, number))
    return tagged_response(request, Devices(number, names))


async def put_device(request: web.Request, principal: Principal) -> web.Response:
    """Give a device a new token; the one before is no longer known."""
    number, name = own_number(request, principal), request.match_info["name"]

    def put(conn: Connection) -> str:
        _require_unchanged(request, conn, number, name)
        return there(devices.put_device, conn, number, name)

    token = await write(request, put)
    ways, receipt = ways_of(token, request.app[SETTINGS]), await live_receipt(request)
    return json_response(DeviceToken(id=number, device=name, token=token, **ways, receipt=receipt), 201)


async def delete_device(request: web.Request, principal: Principal) -> web.Response:
    """End a device's token."""
    number, name = own_number(request, principal), request.match_info["name"]

    def delete(conn: Connection) -> None:
        _require_unchanged(request, conn, number, name)
        there(devices.delete_device, conn, number, name)

    await write(request, delete)
    return json_response(DeletedDevice(number, name, True, await live_receipt(request)))


def _require_unchanged(request: web.Request, conn: Connection, number: int, name: str) -> None:
    """A device has the tag of the list that it is in.   Raises Problem 412."""
    names = devices.device_names(conn, number)
    require_unchanged(request, Devices(number, names) if name in names else None)


def ways_of(token: str, settings: Settings) -> dict[str, str | None]:
    """What to write into the device; without a name of ours it is not known."""
    name = settings.dns_name
    return {
        "tls": f"{token}.{name}" if name else None,
        "https": f"https://{name}/dns-query/{token}" if name else None,
    }


_DEVICE = "/v1/subscribers/{id}/devices/{name}"
ROUTES = (
    Route(
        "GET",
        "/v1/subscribers/{id}/devices",
        list_devices,
        "line.devices",
        Contract({200: Devices}, is_tagged=True, is_family=True),
    ),
    Route("PUT", _DEVICE, put_device, "line.devices", Contract({201: DeviceToken}, is_tagged=True, is_family=True)),
    Route(
        "DELETE", _DEVICE, delete_device, "line.devices", Contract({200: DeletedDevice}, is_tagged=True, is_family=True)
    ),
)
