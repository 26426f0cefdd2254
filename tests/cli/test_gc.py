"""``epochal gc`` shows what it would remove, asks, and removes only that."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from epochal.api import connect
from epochal.journal.blobs import Blobs
from tests.cli.conftest import run_cli
from tests.cli.test_artifact import on_terminal

DAY = 24 * 3600


def abandon(home: Path, age: float) -> str:
    """A blob that nothing refers to."""
    blobs = Blobs(home)
    ref = blobs.put(os.urandom(5_000))
    then = time.time() - age
    os.utime(blobs.path(ref.digest), (then, then))
    return ref.digest


def test_garbage_is_shown_then_removed(shop: Path) -> None:
    """A young blob stays, and so does everything that a record names."""
    old, young = abandon(shop, 2 * DAY), abandon(shop, 60)
    shown = run_cli("gc", "--dry-run", home=shop)
    assert "1 blobs that nothing refers to: 5 kB" in shown.stdout
    assert Blobs(shop).has(old)
    refused = run_cli("gc", home=shop)
    assert (refused.returncode, "--yes" in refused.stderr) == (2, True)
    assert Blobs(shop).has(old)
    done = run_cli("gc", "--yes", "--json", home=shop)
    report = json.loads(done.stdout)["report"]
    assert (report["dry_run"], report["blobs"], report["blob_bytes"]) == (False, 1, 5000)
    assert not Blobs(shop).has(old)
    assert Blobs(shop).has(young)
    version = connect(home=shop).artifact("digits:v0", "shop")
    assert version.get_path("a.txt").read() == b"alpha"


def test_a_terminal_is_asked(things: Path) -> None:
    digest = abandon(things, 2 * DAY)
    text, code = on_terminal(["gc"], things, b"n\n")
    assert ("Remove this for good?" in text, code) == (True, 1)
    assert Blobs(things).has(digest)
    text, code = on_terminal(["gc"], things, b"y\n")
    assert ("freed 5 kB" in text, code) == (True, 0)
    assert not Blobs(things).has(digest)


def test_nothing_to_remove_is_no_question(things: Path) -> None:
    done = run_cli("gc", home=things)
    assert done.returncode == 0
    assert "nothing to remove" in done.stderr


def test_a_deleted_version_is_freed_after_a_day(things: Path) -> None:
    """Only what no other version has."""
    version = connect(home=things).artifact("digits:v0", "shop")
    digests = [version.digest, *version.manifest.digests()]
    shared = connect(home=things).artifact("digits:v1", "shop").manifest.digests()
    version.delete(force=True)
    blobs = Blobs(things)
    for digest in digests:
        then = time.time() - 2 * DAY
        os.utime(blobs.path(digest), (then, then))
    assert run_cli("gc", "--yes", home=things).returncode == 0
    left = {digest for digest in digests if blobs.has(digest)}
    assert left == set(digests) & set(shared)
    assert left


def test_the_cache_of_downloads_is_emptied_on_request(things: Path) -> None:
    file = things / "cache" / "artifacts" / "x" / "f"
    file.parent.mkdir(parents=True)
    file.write_bytes(bytes(2_000))
    assert run_cli("gc", "--yes", home=things).returncode == 0
    assert file.exists()
    done = run_cli("gc", "--yes", "--cache", home=things)
    assert "cache of downloads: 2 kB" in done.stdout
    assert not file.exists()
    refused = run_cli("gc", "--cache", "--url", "http://127.0.0.1:1", home=things)
    assert refused.returncode == 2
