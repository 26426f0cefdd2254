from __future__ import annotations

from epochal.domain import view
from tests.server.door import Door


def test_the_document_describes_the_wire(door: Door) -> None:
    """Made from the types: every route of the API, and the structs of domain/view.py with
    their fields.
    """
    document = door.ask("GET", "/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.")
    paths = set(document["paths"])
    assert {"/api/v1/runs/query", "/api/v1/runs/{uid}", "/api/v1/series/buckets"} <= paths
    assert all(path.startswith("/api/v1/") for path in paths)
    schemas = {
        name.rsplit("_", 1)[-1]: schema
        for name, schema in document["components"]["schemas"].items()
    }
    for struct in (view.RunQuery, view.RunDetail, view.BucketQuery, view.LogPage):
        assert set(schemas[struct.__name__]["properties"]) == set(struct.__struct_fields__)


def test_nothing_in_it_leads_outside(door: Door) -> None:
    """LEAK-05, LEAK-07: it needs a principal, and no documentation page loads from elsewhere."""
    assert door.ask("GET", "/api/v1/openapi.json", token=False).status == 401
    for path in (
        "openapi.json",
        "openapi",
        "openapi/openapi.json",
        "openapi/swagger",
        "openapi/redoc",
    ):
        answer = door.ask("GET", f"/api/v1/{path}")
        assert b"http://" not in answer.body
        assert b"https://" not in answer.body
