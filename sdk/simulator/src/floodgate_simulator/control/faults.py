"""``/control/faults``: order a fault, look at it, delete it."""

from typing import Any, cast

from aiohttp import web

from floodgate_simulator.clock import unix_now
from floodgate_simulator.control.answers import explained, not_found
from floodgate_simulator.control.fields import FieldTypes, read_fields
from floodgate_simulator.entry.guard import SIMULATION
from floodgate_simulator.faults.fault import Fault

MOST_DIGITS = 18
FIELDS: FieldTypes = {
    "kind": str,
    "target": str,
    "status": int,
    "headers": dict,
    "body": object,
    "code": int,
    "reason": str,
    "seconds": (int, float),
    "count": int,
    "credential": str,
}


def routes() -> list[web.RouteDef]:
    """All paths."""
    return [
        web.post("/control/faults", explained(order_fault)),
        web.get("/control/faults", list_faults),
        web.delete("/control/faults", delete_faults),
        web.get("/control/faults/{id}", show_fault),
        web.delete("/control/faults/{id}", delete_fault),
    ]


async def order_fault(request: web.Request) -> web.StreamResponse:
    """Put a fault in force; 201 with its id."""
    fields = await read_fields(request, FIELDS, required=("kind",))
    headers = cast("dict[str, object]", fields.get("headers", {}))
    fields["headers"] = {name: str(value) for name, value in headers.items()}
    ordered = request.app[SIMULATION].order(Fault(**cast("dict[str, Any]", fields)))
    return web.json_response({"id": ordered.id}, status=201)


async def list_faults(request: web.Request) -> web.StreamResponse:
    """All faults, oldest first."""
    return web.json_response(request.app[SIMULATION].faults.as_json(unix_now()))


async def delete_faults(request: web.Request) -> web.StreamResponse:
    """Delete all; what hangs goes on."""
    simulation = request.app[SIMULATION]
    deleted = simulation.faults.clear()
    simulation.read_as_ordered()
    return web.json_response({"deleted": deleted})


async def show_fault(request: web.Request) -> web.StreamResponse:
    """One fault and its state."""
    fault_id = request.match_info["id"]
    ordered = request.app[SIMULATION].faults.find(int(fault_id)) if _is_number(fault_id) else None
    if ordered is None:
        return not_found(f"Fault {fault_id}")
    return web.json_response(ordered.as_json(unix_now()))


async def delete_fault(request: web.Request) -> web.StreamResponse:
    """Delete one; what hangs by it goes on."""
    simulation = request.app[SIMULATION]
    fault_id = request.match_info["id"]
    if not _is_number(fault_id) or not simulation.faults.remove(int(fault_id)):
        return not_found(f"Fault {fault_id}")
    simulation.read_as_ordered()
    return web.json_response({"deleted": 1})


def _is_number(fault_id: str) -> bool:
    """Tell whether ``int`` takes it: Python refuses thousands of digits."""
    return fault_id.isdecimal() and len(fault_id) <= MOST_DIGITS
