"""Opening a home: one owner, private files, and clear words when it cannot be opened."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys

import pytest

from epochal.errors import CorruptFile, InvalidInput, NewerFormat, StoreLocked
from epochal.store.ingest import ingest_home
from epochal.store.lock import read_holder
from epochal.store.owner import open_store
from epochal.store.runs import get_run, list_projects
from epochal.store.schema import REVISION, metadata
from epochal.store.upgrade import SCRIPTS, upgrade
from tests.store.journals import Writing


def mode(path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def test_a_home_and_its_database_are_private(tmp_path):
    with open_store(tmp_path / "new" / "home") as store:
        assert mode(store.home) == 0o700
        assert mode(store.home / "epochal.db") == 0o600
        assert list_projects(store) == []


HOLDER = """
import sys
from pathlib import Path
from epochal.store.owner import open_store
with open_store(Path(sys.argv[1])):
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_and_told_who_has_it(home):
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(home)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline() == "open\n"
    with pytest.raises(StoreLocked, match=f"process {child.pid} on"):
        open_store(home, wait=0.0)
    child.kill()
    child.communicate()
    with open_store(home, wait=5.0):
        holder = read_holder(home)
        assert holder is not None
        assert holder.pid == os.getpid()


def test_what_a_dead_owner_left_in_the_lock_file_harms_nobody(home):
    (home / "store.lock").write_bytes(b"\x00garbage")
    with open_store(home, wait=0.0):
        pass


def test_a_closed_store_can_be_opened_again(home):
    store = open_store(home)
    store.close()
    store.close()
    with open_store(home, wait=0.0) as again:
        assert again.database.check() == []


def test_a_database_of_a_newer_version_is_refused_untouched(home):
    with open_store(home):
        pass
    connection = sqlite3.connect(home / "epochal.db")
    connection.execute(f"PRAGMA user_version = {REVISION + 1}")
    connection.close()
    with pytest.raises(NewerFormat, match=f"format {REVISION + 1}"):
        open_store(home)


@pytest.mark.parametrize("damage", ["text", "hole", "short"])
def test_a_damaged_database_is_refused_with_advice(home, damage):
    w = Writing(home)
    w.line(0, 10)
    w.finish()
    with open_store(home) as store:
        ingest_home(store)
    path = home / "epochal.db"
    data = bytearray(path.read_bytes())
    if damage == "text":
        data = bytearray(b"this is not a database, it is a text file" * 100)
    elif damage == "hole":
        data[4096:40960] = b"\xa5" * (40960 - 4096)
    else:
        del data[3000:]
    path.write_bytes(data)
    with pytest.raises(CorruptFile, match="doctor"):
        use(home, w.uid)


def use(home, uid) -> None:
    """Open and read; a database that opens without complaint at least finds its own damage."""
    with open_store(home) as store:
        if problems := store.database.check():
            raise CorruptFile(home / "epochal.db", problems[0])
        get_run(store, uid)


def test_a_home_that_is_a_file_or_forbidden_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InvalidInput, match="cannot be used as a home"):
        open_store(tmp_path / "file")


def test_revisions_are_numbered_in_one_line():
    """Two that were written side by side with one number, or after the same one, stop here."""
    files = sorted((SCRIPTS / "versions").glob("[0-9]*.py"))
    numbers = [f"{number:04d}" for number in range(1, REVISION + 1)]
    assert [file.name[:4] for file in files] == numbers
    said = [
        tuple(
            re.findall(
                r"^(?:down_)?revision = (?:\"(\d+)\"|None)$", file.read_text(), re.MULTILINE
            )
        )
        for file in files
    ]
    assert said == list(zip(numbers, ["", *numbers], strict=False))


def test_migrations_make_the_same_tables_as_a_new_database(home, tmp_path):
    """Whoever starts at nothing and upgrades step by step ends where a fresh database begins."""
    from epochal.store.database import Database

    with open_store(home):
        pass
    upgraded = Database(tmp_path / "upgraded.db")
    upgrade(upgraded, tmp_path / "upgraded.db")
    assert upgraded.revision() == REVISION
    upgraded.close()
    expected, found = (
        set(sqlite3.connect(path).execute("SELECT type, name, sql FROM sqlite_schema").fetchall())
        for path in (home / "epochal.db", tmp_path / "upgraded.db")
    )
    names = {row[1] for row in expected}
    assert set(metadata.tables) <= names
    assert {row for row in found if row[1] != "alembic_version"} == {
        row for row in expected if row[1] != "alembic_version" and "alembic" not in row[1]
    } | {row for row in found if "alembic" in row[1] and row[1] != "alembic_version"}


def test_a_database_of_the_first_schema_is_upgraded_with_what_it_holds(home):
    """A home last opened by an Epochal without artifacts gets their tables, and a copy."""
    from epochal.store.database import Database

    path = home / "epochal.db"
    first = Database(path)
    upgrade(first, path, 1)
    assert first.revision() == 1
    first.close()
    tables = "SELECT name FROM sqlite_schema WHERE type = 'table'"
    old = {row[0] for row in sqlite3.connect(path).execute(tables)}
    assert "run" in old
    assert "artifact" not in old
    w = Writing(home)
    w.line(0, 10)
    with open_store(home) as store:
        assert store.database.revision() == REVISION
        ingest_home(store)
        assert get_run(store, w.uid).metrics[0].count == 10
    assert set(metadata.tables) <= {row[0] for row in sqlite3.connect(path).execute(tables)}
    assert (home / "epochal.db.before-0001").exists()


SECOND = """
from alembic import op
import sqlalchemy as sa
revision, down_revision = "{after:04d}", "{before:04d}"
branch_labels = depends_on = None
def upgrade():
    op.add_column("project", sa.Column("extra", sa.Text))
    {last}
"""


@pytest.mark.parametrize("last", ["pass", "raise RuntimeError('broken')"])
def test_an_upgrade_keeps_a_copy_and_happens_wholly_or_not_at_all(home, tmp_path, last):
    scripts = tmp_path / "scripts"
    shutil.copytree(SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    after, before = REVISION + 1, home / f"epochal.db.before-{REVISION:04d}"
    text = SECOND.format(last=last, after=after, before=REVISION)
    (scripts / "versions" / f"{after:04d}_second.py").write_text(text)
    w = Writing(home)
    w.line(0, 10)
    path = home / "epochal.db"
    with open_store(home) as store:
        ingest_home(store)
        broken = last != "pass"
        with pytest.raises(RuntimeError) if broken else contextlib.nullcontext():
            assert upgrade(store.database, path, after, scripts) == before
    columns = sqlite3.connect(path).execute("SELECT name FROM pragma_table_info('project')")
    assert ("extra" in {row[0] for row in columns}) is not broken
    version = sqlite3.connect(path).execute("PRAGMA user_version").fetchone()
    assert version == (REVISION if broken else after,)
    copy = sqlite3.connect(before)
    assert copy.execute("SELECT count(*) FROM run").fetchone() == (1,)
    assert mode(before) == 0o600


def test_alembic_is_not_imported_for_a_fresh_database(home):
    code = (
        "import sys; from pathlib import Path; from epochal.store.owner import open_store\n"
        "open_store(Path(sys.argv[1])).close(); print('alembic' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(home)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
