"""Every route, put together with the web library; refused when one forgot to say who may call it.

Loading this module and making its application is half of a server's start, so
`epochal.server.app` does it behind the first answers (`server/late.py`).
"""

from __future__ import annotations

from typing import Any, Final

from litestar import Litestar, Response, Router
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.handlers.base import BaseRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin
from litestar.routes import BaseRoute, HTTPRoute
from litestar.types import ControllerRouterHandler

from epochal._version import __version__
from epochal.domain.access import Permission
from epochal.protocols import PERMISSION, native, needs, wandb
from epochal.protocols.call import Call
from epochal.protocols.mlflow import routes as mlflow
from epochal.protocols.native.body import Budget
from epochal.server import alerts, insights, keys, page, routes, sessions
from epochal.server.failures import HANDLERS
from epochal.server.json import encode
from epochal.server.settings import Settings
from epochal.service.permission import require

HANDLER_LIST: Final[list[Any]] = [
    *routes.ROUTES,
    *sessions.ROUTES,
    *keys.ROUTES,
    *insights.ROUTES,
    *alerts.ROUTES,
    *page.ROUTES,
    *native.ROUTES,
    *mlflow.ROUTES,
    *wandb.ROUTES,
]


class JsonResponse(Response[Any]):
    """An answer whose JSON keeps NaN as a string."""

    def render(self, content: Any, media_type: str, enc_hook: Any = None) -> bytes:  # noqa: ARG002
        """Bytes as they are, everything else as JSON."""
        if isinstance(content, (bytes, bytearray)):
            return bytes(content)
        return b"" if content is None else encode(content)


class _Terse(Router):
    """A router that adds no OPTIONS handler to each path.

    `Security` lets no such request through, and making them is a fifth of making all routes.
    """

    def register(self, value: ControllerRouterHandler) -> list[BaseRoute]:
        """Add a handler, or a router with its handlers."""
        routes = super().register(value)
        for route in routes:
            if isinstance(route, HTTPRoute):
                route.route_handlers = [
                    one for one in route.route_handlers if one.http_methods != {"OPTIONS"}
                ]
                route.methods.discard("OPTIONS")
        return routes


class _Routes(Litestar, _Terse):  # type: ignore[misc]  # its `register` returns nothing, unlike that of its own base
    """The web library's application, for msgspec alone.

    By itself it loads pydantic and attrs wherever they are installed, which takes a tenth of the
    start and ten megabytes, for types that no route of ours has.
    """

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return [*plugins, MsgspecDIPlugin()]


def make_site(settings: Settings, parts: dict[str, Any]) -> Litestar:
    """The web library's application with every route.

    Args:
        settings: how to run.
        parts: what handlers find in the application's state besides what is made here.

    Raises:
        RuntimeError: a route does not declare its permission.
    """
    schema = Router(
        "/api/v1/openapi",
        route_handlers=[],
        include_in_schema=False,
        opt=needs(Permission.READ),
    )
    made = {"page": page.Page(), "upload_budget": Budget(settings.max_upload_memory)}
    site = _Routes(
        route_handlers=list(HANDLER_LIST),
        guards=[_guard],
        request_class=Call,
        response_class=JsonResponse,
        exception_handlers=HANDLERS,
        request_max_body_size=settings.max_json_bytes,
        logging_config=None,
        after_request=_no_store,
        openapi_config=OpenAPIConfig(
            title="Epochal",
            version=__version__,
            openapi_router=schema,
            render_plugins=[JsonRenderPlugin()],
        ),
        state=State({"settings": settings, **parts, **made}),
    )
    check_permissions(site)
    return site


def check_permissions(app: Litestar) -> None:
    """Refuse an application in which a route does not say who may call it.

    Raises:
        RuntimeError: with the routes that do not.
    """
    silent = [
        f"{method} {path}"
        for method, path, handler in declared_routes(app)
        if PERMISSION not in handler.opt
    ]
    if silent:
        raise RuntimeError(
            f"these routes declare no permission: {', '.join(silent)}; give them opt=needs(...)"
        )


def declared_routes(app: Litestar) -> list[tuple[str, str, BaseRouteHandler]]:
    """Every method and path that the application serves, with its handler."""
    found: list[tuple[str, str, BaseRouteHandler]] = []
    for route in app.routes:
        handlers = route.route_handlers if isinstance(route, HTTPRoute) else [route.route_handler]
        for handler in handlers:
            methods = getattr(handler, "http_methods", {"ANY"})
            found += [(str(method), route.path, handler) for method in methods]
    return found


async def _guard(
    connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
) -> None:
    # Not a plain function: each of those would be run in a thread of its own.
    permission: Permission | None = handler.opt[PERMISSION]
    if permission is not None:
        require(connection.scope.get("user"), permission)


async def _no_store(response: Response[Any]) -> Response[Any]:
    response.headers.setdefault("cache-control", "no-store")
    return response
