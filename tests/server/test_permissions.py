"""AU-01: every route of the running application against the declared matrix, for everyone who may
ask.
"""

from __future__ import annotations

import pytest
from litestar import Litestar, get

from epochal.domain.access import Permission
from epochal.server.site import check_permissions, declared_routes
from tests.server.asking import ask
from tests.server.door import Door
from tests.server.foreign import is_foreign

READ, WRITE, PUBLIC = Permission.READ, Permission.WRITE, None
ADMINISTER = Permission.ADMINISTER

MATRIX: dict[tuple[str, str], Permission | None] = {
    ("GET", "/"): PUBLIC,
    ("GET", "/p"): PUBLIC,
    ("GET", "/p/{path:path}"): PUBLIC,
    ("GET", "/models"): PUBLIC,
    ("GET", "/models/{path:path}"): PUBLIC,
    ("GET", "/keys"): PUBLIC,
    ("GET", "/embed/{path:path}"): PUBLIC,
    ("GET", "/static/{path:path}"): PUBLIC,
    ("GET", "/healthz"): PUBLIC,
    ("GET", "/login"): PUBLIC,
    ("POST", "/api/v1/session"): PUBLIC,
    ("DELETE", "/api/v1/session"): PUBLIC,
    ("GET", "/api/v1/keys"): ADMINISTER,
    ("POST", "/api/v1/keys"): ADMINISTER,
    ("DELETE", "/api/v1/keys/{prefix:str}"): ADMINISTER,
    ("GET", "/api/v1/info"): PUBLIC,
    ("GET", "/api/v1/projects"): READ,
    ("GET", "/api/v1/projects/keys"): READ,
    ("POST", "/api/v1/projects/key-metrics"): READ,
    ("GET", "/api/v1/alerts"): READ,
    ("POST", "/api/v1/alerts"): ADMINISTER,
    ("DELETE", "/api/v1/alerts/{rule:str}"): ADMINISTER,
    ("POST", "/api/v1/alerts/{rule:str}/trial"): ADMINISTER,
    ("GET", "/api/v1/alerts/log"): READ,
    ("GET", "/api/v1/mail"): ADMINISTER,
    ("PUT", "/api/v1/mail"): ADMINISTER,
    ("GET", "/api/v1/projects/insights"): READ,
    ("PUT", "/api/v1/projects/insights"): WRITE,
    ("GET", "/api/v1/runs/{uid:str}/insights"): READ,
    ("PUT", "/api/v1/runs/{uid:str}/insights"): WRITE,
    ("POST", "/api/v1/runs/query"): READ,
    ("POST", "/api/v1/runs/importance"): READ,
    ("POST", "/api/v1/runs/groups"): READ,
    ("GET", "/api/v1/runs/resolve"): READ,
    ("GET", "/api/v1/runs/{uid:str}"): READ,
    ("PATCH", "/api/v1/runs/{uid:str}"): WRITE,
    ("DELETE", "/api/v1/runs/{uid:str}"): WRITE,
    ("POST", "/api/v1/runs/{uid:str}/move"): WRITE,
    ("PATCH", "/api/v1/runs"): WRITE,
    ("POST", "/api/v1/runs/delete"): WRITE,
    ("POST", "/api/v1/runs/move"): WRITE,
    ("POST", "/api/v1/runs/{uid:str}/stop"): WRITE,
    ("POST", "/api/v1/series/buckets"): READ,
    ("POST", "/api/v1/series/points"): READ,
    ("GET", "/api/v1/runs/{uid:str}/logs"): READ,
    ("GET", "/api/v1/runs/{uid:str}/logs/find"): READ,
    ("GET", "/api/v1/runs/{uid:str}/logs/at"): READ,
    ("GET", "/api/v1/events"): READ,
    ("GET", "/api/v1/runs/{uid:str}/resume"): READ,
    ("GET", "/api/v1/runs/{uid:str}/journals/{writer:str}"): WRITE,
    ("PUT", "/api/v1/runs/{uid:str}/journals/{writer:str}"): WRITE,
    ("GET", "/api/v1/runs/{uid:str}/media"): READ,
    ("POST", "/api/v1/media/query"): READ,
    ("GET", "/api/v1/runs/{uid:str}/files"): READ,
    ("GET", "/api/v1/runs/{uid:str}/files/{path:path}"): READ,
    ("GET", "/api/v1/runs/{uid:str}/blobs/{digest:str}"): READ,
    ("GET", "/api/v1/runs/{uid:str}/wanted"): WRITE,
    ("PUT", "/api/v1/runs/{uid:str}/blobs/{digest:str}"): WRITE,
    ("PUT", "/api/v1/runs/{uid:str}/blobs"): WRITE,
    ("GET", "/api/v1/runs/{uid:str}/artifacts"): READ,
    ("GET", "/api/v1/artifacts"): READ,
    ("PATCH", "/api/v1/artifacts"): WRITE,
    ("DELETE", "/api/v1/artifacts"): WRITE,
    ("GET", "/api/v1/artifacts/versions"): READ,
    ("GET", "/api/v1/artifacts/resolve"): READ,
    ("GET", "/api/v1/artifacts/manifest"): READ,
    ("GET", "/api/v1/artifacts/file"): READ,
    ("POST", "/api/v1/artifacts/parcel"): READ,
    ("POST", "/api/v1/runs/{uid:str}/parcel"): READ,
    ("GET", "/api/v1/artifacts/diff"): READ,
    ("GET", "/api/v1/artifacts/lineage"): READ,
    ("PATCH", "/api/v1/artifacts/version"): WRITE,
    ("DELETE", "/api/v1/artifacts/version"): WRITE,
    ("GET", "/api/v1/models"): READ,
    ("POST", "/api/v1/models"): WRITE,
    ("PUT", "/api/v1/experiments"): WRITE,
    ("GET", "/api/v1/registry/resolve"): READ,
    ("GET", "/api/v1/models/{name:str}"): READ,
    ("PATCH", "/api/v1/models/{name:str}"): WRITE,
    ("DELETE", "/api/v1/models/{name:str}"): WRITE,
    ("POST", "/api/v1/models/{name:str}/versions"): WRITE,
    ("GET", "/api/v1/models/{name:str}/versions/{number:int}"): READ,
    ("PATCH", "/api/v1/models/{name:str}/versions/{number:int}"): WRITE,
    ("GET", "/api/v1/pipelines"): READ,
    ("GET", "/api/v1/pipelines/compare"): READ,
    ("GET", "/api/v1/pipelines/{uid:str}"): READ,
    ("GET", "/api/v1/pipelines/{uid:str}/step"): READ,
    ("GET", "/api/v1/reports"): READ,
    ("POST", "/api/v1/reports"): WRITE,
    ("PATCH", "/api/v1/reports"): WRITE,
    ("DELETE", "/api/v1/reports"): WRITE,
    ("GET", "/api/v1/reports/resolve"): READ,
    ("POST", "/api/v1/reports/restore"): WRITE,
    ("POST", "/api/v1/reports/panel"): READ,
    ("GET", "/api/v1/reports/frozen"): READ,
    ("POST", "/api/v1/reports/frozen"): WRITE,
    ("GET", "/api/v1/reports/blob"): READ,
    ("GET", "/api/v1/reports/versions"): READ,
    ("GET", "/api/v1/reports/version"): READ,
    ("GET", "/api/v1/reports/page"): READ,
    ("GET", "/api/v1/views"): READ,
    ("GET", "/api/v1/views/resolve"): READ,
    ("POST", "/api/v1/views"): WRITE,
    ("PATCH", "/api/v1/views"): WRITE,
    ("DELETE", "/api/v1/views"): WRITE,
    ("GET", "/api/v1/sweeps"): READ,
    ("POST", "/api/v1/sweeps"): WRITE,
    ("GET", "/api/v1/sweeps/{sweep:str}"): READ,
    ("PATCH", "/api/v1/sweeps/{sweep:str}"): WRITE,
    ("DELETE", "/api/v1/sweeps/{sweep:str}"): WRITE,
    ("GET", "/api/v1/sweeps/{sweep:str}/best"): READ,
    ("GET", "/api/v1/sweeps/{sweep:str}/importance"): READ,
    ("POST", "/api/v1/sweeps/{sweep:str}/queue"): WRITE,
    ("POST", "/api/v1/sweeps/{sweep:str}/repeat"): WRITE,
    ("POST", "/api/v1/agents/{agent:str}/suggest"): WRITE,
    ("POST", "/api/v1/agents"): WRITE,
    ("POST", "/api/v1/agents/{agent:str}/next"): WRITE,
    ("POST", "/api/v1/agents/{agent:str}/beat"): WRITE,
    ("POST", "/api/v1/agents/{agent:str}/report"): WRITE,
    ("DELETE", "/api/v1/models/{name:str}/versions/{number:int}"): WRITE,
    ("POST", "/api/v1/gc"): ADMINISTER,
    ("GET", "/api/v1/openapi.json"): READ,
    ("GET", "/api/v1/openapi"): READ,
    ("GET", "/api/v1/openapi/openapi.json"): READ,
    ("GET", "/api/v1/openapi/{path:str}"): READ,
}
LEVEL = {"anon": 0, "revoked": 0, "wrong": 0, "reader": 1, "writer": 2, "admin": 3}


def test_the_matrix_names_every_route(team: Door) -> None:
    """A route that is missing here, or here only, fails the build."""
    routes = {
        (method, path): handler.opt["permission"]
        for method, path, handler in declared_routes(team.app.routes)
        if not is_foreign(path)
    }
    assert routes == MATRIX


@pytest.mark.parametrize("who", sorted(LEVEL))
def test_everyone_gets_exactly_what_the_matrix_says(
    team: Door, credentials: dict[str, str | None], who: str
) -> None:
    """401 without a valid key, 403 with too small a role, neither when the role suffices."""
    for (method, path), permission in MATRIX.items():
        answer = ask(team, method, path, credentials[who])
        if permission is None:
            expected = (
                {401} if path in {"/login", "/api/v1/session"} and method != "DELETE" else set()
            )
            assert answer.status in expected or answer.status in {200, 204, 503, 404}, (
                method,
                path,
            )
        elif LEVEL[who] == 0:
            assert answer.status == 401, (method, path, answer.status)
            assert answer.header("www-authenticate") is not None
        elif LEVEL[who] < int(permission):
            assert (answer.status, answer.code) == (403, "permission_denied"), (method, path)
        else:
            assert answer.status not in {401, 403, 405, 415, 500}, (method, path, answer.body)


def test_a_route_without_a_permission_does_not_start() -> None:
    """Deny by default is an assertion at start-up, not a table that someone may forget."""

    @get("/forgotten")
    async def forgotten() -> str:
        return "x"

    with pytest.raises(RuntimeError, match="GET /forgotten"):
        check_permissions(Litestar([forgotten], openapi_config=None))
