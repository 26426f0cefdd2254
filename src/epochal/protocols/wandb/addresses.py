"""Addresses that the client is given: under the name by which it reached this server."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from epochal.protocols.call import Call
from epochal.protocols.wandb.execution import Asked
from epochal.protocols.wandb.ids import Place
from epochal.service import capabilities

PUT: Final = "put"
GET: Final = "get"
PUT_BLOB: Final = "put-blob"
PUT_MANIFEST: Final = "put-manifest"
MANIFEST: Final = "manifest"
FILE: Final = "file"


def base(call: Call) -> str:
    """Scheme and host of this server as the caller sees it; the host was checked already."""
    public: str = call.app.state.settings.public_url
    host = call.headers.get("host", "")
    if public and public.rstrip("/").endswith(f"//{host}"):
        return public.rstrip("/")
    return f"{call.scope.get('scheme', 'http')}://{host}"


async def run_file(asked: Asked, place: Place, path: str, action: str) -> str:
    """Where a file of a run may be put or fetched for a day, without a key."""
    key = await asked.call.workers.read(
        capabilities.grant, asked.call.principal, action, [place.uid, path]
    )
    parts = [place.entity, place.project, place.run_id, *path.split("/")]
    address = "/".join(quote(part, safe="") for part in parts)
    return f"{base(asked.call)}/files/{address}?capability={key}"


async def artifact(asked: Asked, kind: str, name: str, action: str, subject: list[str]) -> str:
    """Where bytes of an artifact may be put or fetched for a day, without a key."""
    key = await asked.call.workers.read(capabilities.grant, asked.call.principal, action, subject)
    shown = quote(name.rpartition("/")[2] or kind, safe="")
    return f"{base(asked.call)}/artifacts/{kind}/{shown}?capability={key}"
