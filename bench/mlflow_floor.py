"""A server that costs MLflow's client as little as a Python web server can: the floor of writes.

It answers what the client asks for when it makes and fills runs, always the same, and keeps
nothing but the bytes: one thread appends each body to a file and syncs it before the answer, as a
durable acknowledgement asks for. Server, event loop and parser are the libraries that Epochal
runs on.

Called as ``python -m bench.mlflow_floor FILE --port PORT``.
"""

from __future__ import annotations

import asyncio
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import uvicorn

INFO: Final = (
    b'{"run_id":"%(id)s","run_uuid":"%(id)s","experiment_id":"0","run_name":"floor",'
    b'"user_id":"floor","status":"RUNNING","start_time":1700000000000,"artifact_uri":"",'
    b'"lifecycle_stage":"active"}' % {b"id": b"0" * 32}
)
RUN: Final = b'{"run":{"info":%b,"data":{}}}' % INFO
ANSWERS: Final = {
    "experiments/get": b'{"experiment":{"experiment_id":"0","name":"Default"}}',
    "experiments/create": b'{"experiment_id":"0"}',
    "runs/create": RUN,
    "runs/get": RUN,
    "runs/update": b'{"run_info":%b}' % INFO,
}


class Floor:
    """An ASGI application.

    Args:
        path: of the file that takes all bodies.
    """

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        self._thread = ThreadPoolExecutor(1)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        body = b""
        while (message := await receive()).get("more_body"):
            body += message["body"]
        body += message["body"]
        if scope["method"] != "GET":
            await asyncio.get_running_loop().run_in_executor(self._thread, self._keep, body)
        answer = ANSWERS.get(scope["path"].partition("/mlflow/")[2], b"{}")
        length = (b"content-length", b"%d" % len(answer))
        headers = [(b"content-type", b"application/json"), length]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def _keep(self, body: bytes) -> None:
        os.write(self._file, body)
        os.fdatasync(self._file)


if __name__ == "__main__":
    uvicorn.run(
        Floor(sys.argv[1]), port=int(sys.argv[3]), lifespan="off", http="httptools",
        access_log=False, log_level="error",
    )  # fmt: skip
