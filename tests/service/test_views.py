"""Saved views: names and contents bring back what was shown; one of them can be preferred."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from epochal.domain.access import LOCAL_USER, Principal, Role
from epochal.domain.saved import MAX_QUERY, NewView, ViewChanges, ViewRow
from epochal.errors import Conflict, InvalidInput, NotFound
from epochal.service import projects, views
from epochal.store.ingest import ingest_home
from epochal.store.owner import Store, open_store
from tests.server.journals import Script

QUERY = "q=config.lr+%3C+0.1&group=config.optim.name&cols=config.lr,last(loss)"


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    Script(project="mnist").save(home)
    with open_store(home) as opened:
        ingest_home(opened)
        yield opened


def save(store: Store, name: str = "", query: str = QUERY, *, preferred: bool = False) -> str:
    new = NewView("mnist", query, name=name, preferred=preferred)
    return views.create_view(store, LOCAL_USER, new).name


def preferred(store: Store) -> ViewRow | None:
    return projects.project_keys(store, LOCAL_USER, None, "mnist").view


def test_a_view_comes_back_by_its_name(store):
    save(store, "Ablation / lr")
    found = views.find_view(store, LOCAL_USER, None, "mnist", "Ablation / lr")
    assert (found.query, found.preferred, found.created_by) == (QUERY, False, LOCAL_USER.name)
    assert views.list_views(store, LOCAL_USER, None, "mnist").views == [found]
    assert views.list_views(store, LOCAL_USER, "other", "mnist").views == []


def test_content_names_a_view_once_and_no_list_shows_it(store):
    first = save(store)
    assert first == save(store, query="?" + QUERY)
    assert len(first) == 13
    assert first != save(store, query="q=x")
    assert views.find_view(store, LOCAL_USER, None, "mnist", first).query == QUERY
    assert views.list_views(store, LOCAL_USER, None, "mnist").views == []


def test_who_saved_a_view_meanwhile_is_told_and_nothing_is_written_over(store):
    """Pinning is no saving; whoever has seen the newest state may save."""
    save(store, "a")
    ann, ben = (Principal(name, Role.WRITER) for name in ("ann", "ben"))
    seen = views.find_view(store, ann, None, "mnist", "a")
    mine = ViewChanges(query="q=ann", updated_us=seen.updated_us)
    views.change_view(store, ben, None, "mnist", "a", ViewChanges(preferred=True))
    theirs = ViewChanges(query="q=ben", updated_us=seen.updated_us)
    after = views.change_view(store, ben, None, "mnist", "a", theirs)
    assert (after.created_by, after.updated_by) == (LOCAL_USER.name, "ben")
    with pytest.raises(Conflict, match=r"ben saved the view 'a' at .* UTC, after you opened it"):
        views.change_view(store, ann, None, "mnist", "a", mine)
    found = views.find_view(store, ann, None, "mnist", "a")
    assert (found.query, found.preferred) == ("q=ben", True)
    again = ViewChanges(query="q=ann", updated_us=found.updated_us)
    assert views.change_view(store, ann, None, "mnist", "a", again).updated_by == "ann"


def test_a_view_that_somebody_saved_meanwhile_is_not_deleted_unseen(store):
    save(store, "a")
    seen = views.find_view(store, LOCAL_USER, None, "mnist", "a")
    ben = Principal("ben", Role.WRITER)
    after = views.change_view(store, ben, None, "mnist", "a", ViewChanges(query="q=ben"))
    with pytest.raises(Conflict, match=r"ben saved the view 'a' at .*; look at that before you"):
        views.delete_view(store, LOCAL_USER, None, "mnist", "a", seen.updated_us)
    assert views.find_view(store, LOCAL_USER, None, "mnist", "a").query == "q=ben"
    views.delete_view(store, LOCAL_USER, None, "mnist", "a", after.updated_us)
    assert views.list_views(store, LOCAL_USER, None, "mnist").views == []


def test_a_project_has_one_preferred_view_and_its_keys_say_which(store):
    save(store, "a", preferred=True)
    save(store, "b", query="q=x")
    first = preferred(store)
    assert first is not None
    assert first.name == "a"
    views.change_view(store, LOCAL_USER, None, "mnist", "b", ViewChanges(preferred=True))
    second = preferred(store)
    assert second is not None
    assert (second.name, second.query) == ("b", "q=x")
    views.change_view(store, LOCAL_USER, None, "mnist", "b", ViewChanges(preferred=False))
    assert preferred(store) is None


def test_views_are_renamed_rewritten_and_deleted(store):
    save(store, "old")
    changes = ViewChanges(name="new", query="sort=name")
    row = views.change_view(store, LOCAL_USER, None, "mnist", "old", changes)
    assert (row.name, row.query) == ("new", "sort=name")
    with pytest.raises(NotFound, match="no view 'old'"):
        views.find_view(store, LOCAL_USER, None, "mnist", "old")
    views.delete_view(store, LOCAL_USER, None, "mnist", "new")
    with pytest.raises(NotFound, match="renamed or deleted"):
        views.delete_view(store, LOCAL_USER, None, "mnist", "new")


def test_a_name_that_is_taken_is_refused_and_a_similar_one_is_named(store):
    save(store, "ablation")
    save(store, "other")
    with pytest.raises(Conflict, match="save under another name"):
        save(store, "ablation", query="q=x")
    change = ViewChanges(name="ablation")
    with pytest.raises(Conflict, match="choose another name"):
        views.change_view(store, LOCAL_USER, None, "mnist", "other", change)
    with pytest.raises(NotFound, match="did you mean 'ablation'"):
        views.find_view(store, LOCAL_USER, None, "mnist", "ablatoin")


@pytest.mark.parametrize(
    ("new", "error"),
    [
        (NewView("mnist", "q=x", name="~abc"), "begins with ~"),
        (NewView("mnist", "x" * (MAX_QUERY + 1), name="a"), "the query of a view"),
        (NewView("mnist", "q=x", name="a" * 101), "101 characters"),
        (NewView("mnist", "q=x", preferred=True), "give it a name"),
        (NewView("mnist", "q=\0", name="a"), "NUL"),
    ],
)
def test_what_cannot_be_a_view_is_told(store, new, error):
    with pytest.raises(InvalidInput, match=error):
        views.create_view(store, LOCAL_USER, new)
