from __future__ import annotations

import gzip
import json
import re
import time
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from epochal.domain.names import new_uid, run_uid
from epochal.domain.record import Config, Console, Header
from epochal.journal.home import run_directory
from epochal.journal.writer import open_journal
from epochal.server.page import STATIC, Page
from tests.server.door import Door

LINK = re.compile(r'<link rel="modulepreload" crossorigin href="([^"]+)"')
STYLE = re.compile(r'<link rel="stylesheet" crossorigin href="([^"]+)"')


@pytest.fixture
def site(door: Door, tmp_path: Path) -> Any:
    """The application with a small page."""
    directory = tmp_path / "static"
    (directory / "fonts").mkdir(parents=True)
    (directory / "index.html").write_text("<!doctype html><title>x</title>")
    (directory / "app.js").write_text("console.log(1);\n" * 1000)
    (directory / "fonts" / "a.woff2").write_bytes(b"wOF2" * 1000)
    (directory / "odd.bin").write_bytes(b"<html><script>alert(1)</script>")
    (tmp_path / "secret.txt").write_text("secret")
    (directory / "link.txt").symlink_to(tmp_path / "secret.txt")
    page = Page(directory)
    door.app.routes.state.page = page
    return door, page


def test_the_page_answers_at_every_address_of_its_own(site: Any) -> None:
    """Deep links load the same document, which is never kept without asking again."""
    door, _ = site
    for target in (
        "/",
        "/p",
        "/p/local/mnist",
        "/p/a/b/runs/c?x=1",
        "/models",
        "/models/m",
        "/keys",
    ):
        answer = door.ask("GET", target, token=False)
        assert answer.status == 200
        assert answer.header("content-type") == "text/html; charset=utf-8"
        assert answer.header("cache-control") == "no-cache"


def test_who_types_an_address_that_is_none_sees_the_page_and_a_program_an_error(site: Any) -> None:
    """The page says in its own words that there is nothing, and where to go."""
    door, page = site
    typed = {"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none"}
    for target in ("/nowhere", "/embed", "/<script>"):
        answer = door.ask("GET", target, headers=typed, token=False)
        assert (answer.status, answer.body) == (404, page.files["index.html"].body), target
        assert answer.header("content-type") == "text/html; charset=utf-8"
        assert answer.header("x-frame-options") == "DENY"
        assert door.ask("GET", target, token=False).code == "not_found"
        assert door.ask("POST", target, headers=typed, json_body={}).code == "not_found"
    assert door.ask("GET", "/api/v1/nothing", headers=typed).code == "not_found"


@pytest.mark.parametrize(
    "name,kind",
    [
        ("app.js", "text/javascript; charset=utf-8"),
        ("fonts/a.woff2", "font/woff2"),
        ("odd.bin", "application/octet-stream"),
    ],
)
def test_types_come_from_our_own_list(site: Any, name: str, kind: str) -> None:
    """XSS-02: what is not on the list is bytes, whatever it looks like."""
    door, _ = site
    answer = door.ask("GET", f"/static/{name}")
    assert answer.header("content-type") == kind
    assert answer.header("x-content-type-options") == "nosniff"


def test_files_named_by_their_content_are_kept_for_ever(site: Any) -> None:
    """Only the digest of this very content counts as a version; a short or old one is checked
    again.
    """
    door, page = site
    digest = page.files["app.js"].digest
    for version, forever in (
        (digest[:12], True),
        (digest, True),
        (digest[:7], False),
        ("0" * 12, False),
    ):
        answer = door.ask("GET", f"/static/app.js?v={version}")
        assert ("immutable" in (answer.header("cache-control") or "")) == forever, version
    assert door.ask("GET", "/static/app.js").header("cache-control") == "no-cache"


def test_an_unchanged_file_is_304(site: Any) -> None:
    """The strong ETag differs between the plain and the packed form."""
    door, _ = site
    plain = door.ask("GET", "/static/app.js")
    packed = door.ask("GET", "/static/app.js", headers={"Accept-Encoding": "gzip"})
    assert packed.header("content-encoding") == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert plain.header("etag") != packed.header("etag")
    for tag in (plain.header("etag"), f'"x", {plain.header("etag")}', "*"):
        again = door.ask("GET", "/static/app.js", headers={"If-None-Match": tag or ""})
        assert (again.status, again.body) == (304, b"")
    changed = door.ask("GET", "/static/app.js", headers={"If-None-Match": '"x"'})
    assert changed.status == 200


def test_links_and_names_outside_the_table_are_404(site: Any) -> None:
    """PT-16, PT-18: a symbolic link is no file of the page, and no name leaves the directory."""
    door, _ = site
    for name in (
        "link.txt",
        "../secret.txt",
        "nothing.js",
        "fonts",
        "fonts/",
        "app.js/",
        "%2e%2e/secret.txt",
    ):
        answer = door.ask("GET", f"/static/{name}")
        assert answer.status == 404, name
        assert b"secret" not in answer.body


def test_without_a_built_page_the_server_says_so(door: Door, tmp_path: Path) -> None:
    """A clear text instead of a blank window; the API works."""
    door.app.routes.state.page = Page(tmp_path / "nothing")
    answer = door.ask("GET", "/")
    assert answer.status == 503
    assert answer.header("content-type") == "text/plain; charset=utf-8"
    assert b"npm run build" in answer.body
    assert door.ask("GET", "/api/v1/info").status == 200


def test_the_built_page_asks_only_for_what_we_serve(door: Door) -> None:
    """LEAK-07: every address in the committed page is one of its own files, and is kept for
    ever; its icon alone is part of the page.
    """
    import re

    html = (STATIC / "index.html").read_text()
    found = re.findall(r'(?:src|href)="([^"]+)"', html)
    addresses = [one for one in found if not one.startswith("data:image/svg+xml,")]
    assert len(addresses) == len(found) - 1 > 0
    for address in addresses:
        assert address.startswith("/static/"), address
        answer = door.ask("GET", address)
        assert answer.status == 200
        if "?v=" in address:
            assert "immutable" in (answer.header("cache-control") or "")


def test_a_run_asks_at_once_for_the_chunks_of_its_tab(door: Door) -> None:
    """All that its modules import and nothing twice, as the built page names it; charts alone wait
    for none.
    """
    document = door.ask("GET", "/").body.decode()
    asked = {
        tab: LINK.findall(door.ask("GET", f"/p/none/r/none{tab}").body.decode())
        for tab in ("", "/logs", "/media", "/gradients", "/files", "/model", "/charts")
    }
    assert asked["/charts"] == LINK.findall(door.ask("GET", "/p/none").body.decode())
    everywhere = [*asked["/charts"], *re.findall(r'src="(/static/app[^"]+)"', document)]
    for tab, addresses in asked.items():
        assert len(addresses) == len(set(addresses))
        known = {*addresses, *everywhere}
        for address in addresses:
            answer = door.ask("GET", address, token=False)
            assert "immutable" in (answer.header("cache-control") or "")
            named = re.findall(r'(?:from|import)"\./([^"]+)"', answer.body.decode())
            assert {f"/static/{name}" for name in named} <= known, (tab, address)
    assert any("/static/LogView.js" in one for one in asked["/logs"])
    assert any("/static/media.js" in one for one in asked["/media"])


def test_a_run_comes_with_the_styles_of_its_tab_and_other_pages_with_the_first_ones(
    door: Door,
) -> None:
    styles = {
        path: STYLE.findall(door.ask("GET", path).body.decode())
        for path in ("/", "/p/none", "/p/none/r/none/charts", "/p/none/r/none/logs")
    }
    assert styles["/"] == styles["/p/none"] == styles["/p/none/r/none/charts"]
    assert [one.split("?")[0] for one in styles["/"]] == ["/static/app.css"]
    [first, more] = styles["/p/none/r/none/logs"]
    assert (first, more.split("?")[0]) == (styles["/"][0], "/static/more.css")
    for address in (first, more):
        answer = door.ask("GET", address, token=False)
        assert answer.header("content-type") == "text/css; charset=utf-8"
        assert "immutable" in (answer.header("cache-control") or "")


def test_the_workspace_brings_along_what_it_would_ask_for(site: Any) -> None:
    """Keys, and the newest runs unless the address asks for others; packed, and kept by nobody.

    Nothing that a user wrote ends the element; strangers and other pages get the plain document.
    """
    door, page = site
    page.files["index.html"].body = b"<!doctype html><body><p>x</p></body></html>"
    hostile = "</script><script>alert(1)</script>"
    header = Header("local", hostile, "r", 1, host="h", pid=1)
    uid = run_uid("local", hostile, "r")
    journal = open_journal(str(run_directory(door.settings.home, uid)), uid, new_uid(), header)
    journal.append_fact(Config(2, {"lr": 0.5}))
    journal.append_fact(Console(3, 0, 0, ["a line", hostile]))
    journal.close()
    target = "/p/" + quote(hostile, safe="")
    plain = door.ask("GET", "/p/no-such-project").body
    assert b'id="start"' not in plain
    assert plain.endswith(b"</body></html>")

    def started(path: str) -> Any:
        answer = door.ask("GET", path, headers={"Accept-Encoding": "gzip"})
        assert answer.header("cache-control") == "no-store"
        text = zlib.decompress(answer.body, 31)
        assert text.count(b"</script>") == 1
        assert text.endswith(b"</script></body></html>")
        return json.loads(text.partition(b'id="start">')[2].partition(b"</script>")[0])

    keys = f"/api/v1/projects/keys?project={quote(hostile, safe='')}"
    end = time.monotonic() + 60
    while not door.ask("GET", keys).body.count(b"config.lr"):
        assert time.monotonic() < end, "the run was not read"
        time.sleep(0.05)
    found = started(target)
    assert found["project"] == hostile
    assert found["info"]["build"] == page.build
    assert found["keys"]["columns"] == ["config.lr"]
    assert found["runs"]["columns"] == {"config.lr": [0.5]}
    assert found["curves"] is None
    for same in (f"/p/@local/{quote(hostile, safe='')}", f"{target}/runs", f"{target}?x=time"):
        assert started(same)["runs"]["runs"] == found["runs"]["runs"]
    for other in ("q=lr>1", "sort=name", "cols=state", "v=mine"):
        assert started(f"{target}?{other}")["runs"] is None
    for elsewhere in ("/", f"{target}/compare", f"{target}/r/none", "/models"):
        assert b'id="start"' not in door.ask("GET", elsewhere).body
    for tab, lines in (("", None), ("/media", None), ("/logs", ["a line", hostile])):
        run = started(f"{target}/r/r{tab}")
        assert (run["id"], run["run"]["uid"], run["info"]["build"]) == ("r", uid, page.build)
        assert run["run"]["config"] == {"lr": 0.5}
        logs = run["logs"]
        assert (logs and [line["text"] for line in logs["lines"]]) == lines
