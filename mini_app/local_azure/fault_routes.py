"""The part of the control interface that orders faults of ARM, tells what became of them, and clears them."""

from __future__ import annotations

from aiohttp import web
from pydantic import ValidationError

from mini_app.local_azure.arm_faults import ArmFaults, FaultSpec

PATH = "/control/arm-faults"


def add_fault_routes(app: web.Application, faults: ArmFaults) -> None:
    """Add the routes; each answers with all faults as they are then."""

    async def show(_: web.Request) -> web.Response:
        return web.json_response({"faults": faults.described()})

    async def order(request: web.Request) -> web.Response:
        try:
            faults.add(FaultSpec.model_validate_json(await request.read()))
        except ValidationError as error:
            wrong = error.errors(include_url=False, include_context=False, include_input=False)[0]
            where = ".".join(str(step) for step in wrong["loc"]) or "the body"
            return web.json_response({"error": f"{where}: {wrong['msg']}"}, status=400)
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=409)
        return await show(request)

    async def clear(request: web.Request) -> web.Response:
        faults.clear()
        return await show(request)

    app.router.add_get(PATH, show)
    app.router.add_post(PATH, order)
    app.router.add_delete(PATH, clear)
