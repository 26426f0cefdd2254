"""Every single key does what the help says, and none does anything while somebody types."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page

from tests.browser.gallery import Gallery
from tests.browser.visitor import Visitor, drawn, until, wait_drawn

pytestmark = pytest.mark.browser


@pytest.fixture
def page(gallery: Gallery, visit: Callable[..., Visitor]) -> Page:
    page = visit(gallery.url).workspace("resnets")
    wait_drawn(page, "train/loss", series=6)
    return page


def active(page: Page) -> str | None:
    """The id of the active row."""
    return page.locator("#runs-grid").get_attribute("aria-activedescendant")


def wait_address(page: Page, part: str, there: bool = True) -> None:
    """Wait until the address holds a part, or no longer does."""
    until(lambda: (part in page.url) == there)


def test_j_and_k_walk_the_rows_and_enter_opens_the_run(page: Page) -> None:
    """The active row goes down and up, and neither key leaves the table; Enter opens."""
    for key, row in (("j", 0), ("j", 1), ("j", 2), ("k", 1), ("k", 0), ("k", 0)):
        page.keyboard.press(key)
        wanted = f"runs-grid-row-{row}"
        page.locator(f"#runs-grid[aria-activedescendant={wanted}]").wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url("**/p/resnets/r/r18-5")


def test_space_hides_and_shows_the_run(page: Page) -> None:
    """Space takes the active run out of the charts and puts it back; the address tells."""
    page.keyboard.press("j")
    page.keyboard.press("Space")
    until(lambda: len(drawn(page, "train/loss")) == 5)
    assert "r18-5" not in page.url
    page.keyboard.press("Space")
    until(lambda: len(drawn(page, "train/loss")) == 6)


def test_slash_goes_to_the_filter_and_keys_are_text_there(page: Page) -> None:
    """While typing no shortcut works: not the theme, not the table, not the log axis."""
    theme = page.evaluate("document.documentElement.dataset.theme ?? null")
    page.keyboard.press("/")
    filter_box = page.get_by_label("Filter runs")
    assert filter_box.evaluate("box => box === document.activeElement")
    page.keyboard.type("d[l?j0 ")
    assert filter_box.input_value() == "d[l?j0 "
    assert page.evaluate("document.documentElement.dataset.theme ?? null") == theme
    assert page.locator("#runs-grid").count() == 1
    assert page.get_by_role("dialog").count() == 0
    assert active(page) is None
    page.keyboard.press("Escape")
    until(lambda: filter_box.input_value() == "")
    # The next one leads to the table, not to nowhere.
    page.keyboard.press("Escape")
    until(lambda: page.evaluate("document.activeElement.id") == "runs-grid")


def test_question_mark_opens_the_help_with_every_key(page: Page) -> None:
    """The help lists the keys of the page, and Escape closes it."""
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog")
    dialog.wait_for()
    listed = dialog.locator("kbd").all_inner_texts()
    assert {"?", "/", "d", "j", "k", "space", "[", "l", "0", "s", "f"} <= set(listed)
    assert {"J", "K", "x", "X", "m", "Delete", "C", "v", "Ctrl A", "PageUp", "End"} <= set(listed)
    assert {"Tab", "←", "→", "Shift Enter", "Alt ←", "Alt Shift →", "!"} <= set(listed)
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")


def test_bracket_hides_and_shows_the_table(page: Page) -> None:
    """[ gives the charts the whole window and the table comes back with the same key."""
    page.keyboard.press("[")
    page.locator("#runs-grid").wait_for(state="detached")
    page.keyboard.press("[")
    page.locator("#runs-grid").wait_for()


def test_l_makes_the_chart_under_the_pointer_logarithmic(page: Page) -> None:
    """The key acts on the hovered chart only, and undoes itself."""
    page.locator('[data-panel="train/loss"]').hover()
    page.keyboard.press("l")
    page.wait_for_url("**yl=train/loss*")
    pressed = page.get_by_role("button", name="Logarithmic y axis of train/loss")
    assert pressed.get_attribute("aria-pressed") == "true"
    assert "val" not in page.url
    page.keyboard.press("l")
    page.wait_for_url("**/p/resnets")


def test_d_switches_the_theme_and_the_choice_stays(page: Page) -> None:
    """The page is dark at once, and it is still dark after a reload."""
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.keyboard.press("d")
    until(lambda: page.evaluate("getComputedStyle(document.body).backgroundColor") != light)
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.reload()
    wait_drawn(page, "train/loss", series=6)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark


def test_keys_with_control_held_belong_to_the_browser(page: Page) -> None:
    """Ctrl, Alt and Meta combinations are never taken."""
    for held in ("Control", "Alt", "Meta"):
        page.keyboard.press(f"{held}+j")
    assert active(page) is None
    page.keyboard.press("j")
    until(lambda: active(page) == "runs-grid-row-0")


def test_u_takes_back_what_changed_the_view_and_what_this_browser_keeps_of_it(page: Page) -> None:
    """Each press one change, the newest first; a pin that was taken back stays so."""
    panel = page.locator('[data-panel="train/loss"]').first
    panel.hover()
    page.keyboard.press("l")
    page.wait_for_url("**yl=train/loss*")
    page.keyboard.press("p")
    page.wait_for_url(lambda url: "top=" in url)
    page.locator("[data-panel='pinned:train/loss']").wait_for()
    page.keyboard.press("u")
    page.wait_for_url(lambda url: "top=" not in url and "yl=" in url)
    page.keyboard.press("u")
    page.wait_for_url("**/p/resnets")
    page.keyboard.press("u")
    page.reload()
    wait_drawn(page, "train/loss", series=6)
    assert page.url.endswith("/p/resnets")
    assert page.locator("[data-panel='pinned:train/loss']").count() == 0


def test_the_table_is_alone_and_beside_charts_by_one_key_and_keeps_its_filter(page: Page) -> None:
    """] goes there and back; what the address says goes along."""
    page.get_by_label("Filter runs").fill("config.lr < 0.05")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "q=config.lr" in url)
    page.locator("#runs-grid").focus()
    page.keyboard.press("]")
    page.wait_for_url(lambda url: "/p/resnets/runs?q=config.lr" in url)
    page.locator("[data-panel]").first.wait_for(state="detached")
    page.get_by_label("Show the charts").click()
    page.wait_for_url(lambda url: "/p/resnets?q=config.lr" in url)
    wait_drawn(page, "train/loss", series=4)


def test_rows_are_selected_compared_and_grouped_by_keys(page: Page) -> None:
    """x selects, Escape lets go, g asks for a group, c compares what is selected."""
    for key in ("j", "x", "j", "x"):
        page.keyboard.press(key)
    page.locator("#runs-grid .grid-row.picked").nth(1).wait_for()
    page.keyboard.press("Escape")
    page.locator("#runs-grid .grid-row.picked").first.wait_for(state="detached")
    page.keyboard.press("g")
    page.get_by_label("Find a field to group by").wait_for()
    page.keyboard.press("Escape")
    page.get_by_label("Find a field to group by").wait_for(state="detached")
    for key in ("x", "k", "x"):
        page.keyboard.press(key)
    page.locator("#runs-grid .grid-row.picked").nth(1).wait_for()
    page.keyboard.press("c")
    page.wait_for_url("**/p/resnets/compare?r=*")
    tab = page.get_by_role("tab").nth(1)
    tab.wait_for()
    page.keyboard.press("2")
    until(lambda: tab.get_attribute("aria-selected") == "true")


def test_keys_change_the_chart_under_the_pointer(page: Page) -> None:
    """L, o, f, s, 0 and the arrows act on it, and undo themselves."""
    panel = page.locator('[data-panel="train/loss"]')
    panel.locator(".chart-over").hover()
    for key, said in (("L", "xl=train/loss"), ("o", "clip=train/loss"), ("s", "sm=")):
        page.keyboard.press(key)
        wait_address(page, said)
        page.keyboard.press(key)
        wait_address(page, said, there=False)
    tip = page.locator(".tip")
    tip.wait_for()
    before = tip.inner_text()
    page.keyboard.press("Shift+ArrowRight")
    until(lambda: tip.inner_text() != before)
    page.keyboard.press("Shift+ArrowLeft")
    until(lambda: tip.inner_text() == before)
    box = panel.locator(".chart-over").bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.3 * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], middle, steps=5)
    page.mouse.up()
    page.wait_for_url(lambda url: "z=" in url)
    page.keyboard.press("0")
    page.wait_for_url(lambda url: "z=" not in url)


def test_digits_open_the_tabs_of_a_run(page: Page) -> None:
    """1 to 9 are its tabs, in their order."""
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.get_by_role("tab").first.wait_for()
    names = page.get_by_role("tab").all_inner_texts()
    for number, name in enumerate(names[:9], 1):
        page.keyboard.press(str(number))
        page.get_by_role("tab", name=name, selected=True).wait_for()


def selected(page: Page) -> list[str | None]:
    """What a screen reader hears of each row."""
    rows = page.locator("#runs-grid .grid-row:not([hidden])")
    return [row.get_attribute("aria-selected") for row in rows.all()]


def test_ranges_are_selected_by_keys_and_told(page: Page) -> None:
    """J and K on and back, X from where x was, Ctrl+A all; the keyboard is in the table then."""
    for keys, count in (
        (("j", "J", "J"), 3),
        (("K",), 2),
        (("Escape", "Home", "x", "End", "X"), 6),
    ):
        for key in keys:
            page.keyboard.press(key)
        until(lambda: selected(page).count("true") == count, what=f"{count} rows, by {keys}")  # noqa: B023
    assert page.evaluate("document.activeElement.id") == "runs-grid"
    page.get_by_role("status").get_by_text("6 selected").wait_for()
    page.keyboard.press("Escape")
    until(lambda: selected(page).count("true") == 0)
    page.keyboard.press("Shift+ArrowUp")
    until(lambda: selected(page).count("true") == 2)
    page.keyboard.press("Control+a")
    until(lambda: selected(page).count("true") == 6)
    for key, title in (("m", "Move 6 runs"), ("Delete", "Delete 6 runs for good?")):
        page.keyboard.press(key)
        page.get_by_role("dialog", name=title).wait_for()
        page.keyboard.press("Escape")
        page.get_by_role("dialog").wait_for(state="detached")
    for key, name in (("C", "Columns"), ("v", "Saved views")):
        page.keyboard.press(key)
        page.get_by_role("dialog", name=name).wait_for()
        page.keyboard.press("Escape")
        page.get_by_role("dialog").wait_for(state="detached")


def test_a_dialog_that_was_left_does_not_end_the_next_one(page: Page) -> None:
    """The browser tells of its end later than it ends; a key may be pressed in between."""
    for key in ("j", "m"):
        page.keyboard.press(key)
    page.get_by_role("dialog", name="Move r18-5").wait_for()
    page.evaluate(
        """async () => {
          document.querySelector("dialog").requestClose();
          for (let n = 0; n < 50; n++) await null;
          dispatchEvent(new KeyboardEvent("keydown", { key: "Delete" }));
        }"""
    )
    dialog = page.get_by_role("dialog", name="Delete r18-5 for good?")
    dialog.wait_for()
    dialog.get_by_role("button", name="Keep").click()
    dialog.wait_for(state="detached")


def test_heads_of_the_table_are_walked_by_keys(page: Page) -> None:
    """From head to head, also to one that was out of view; Enter sorts, with Shift as well."""
    page.locator("#runs-grid").focus()
    where = "() => document.activeElement.closest('.grid-headcell')?.dataset.column"
    for key in ("Tab", "Tab"):
        page.keyboard.press(key)
    until(lambda: page.evaluate(where) == "0")
    last = int(page.locator("#runs-grid").get_attribute("aria-colcount") or 0) - 1
    for column in range(1, last + 1):
        page.keyboard.press("ArrowRight")
        until(lambda: page.evaluate(where) == str(column), what=f"head {column}")  # noqa: B023
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    until(lambda: page.evaluate(where) == str(last - 1))
    page.keyboard.press("Enter")
    wait_address(page, "sort=")
    first = page.url
    until(lambda: page.evaluate(where) == str(last - 1))
    page.keyboard.press("ArrowLeft")
    until(lambda: page.evaluate(where) == str(last - 2))
    page.keyboard.press("Shift+Enter")
    page.wait_for_url(lambda url: url != first and "," in url.split("sort=")[1])


def test_escape_closes_a_menu_first_and_then_drops_the_selection(page: Page) -> None:
    """Also where a button of the menu has the focus, which types nothing."""
    for key in ("j", "x", "v"):
        page.keyboard.press(key)
    page.get_by_role("dialog", name="Saved views").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    assert selected(page).count("true") == 1
    page.keyboard.press("Escape")
    until(lambda: selected(page).count("true") == 0)


def test_the_focus_stays_in_a_menu_whose_button_goes_away(page: Page) -> None:
    """A field that is taken for a group leaves the list; the next one can be found at once."""
    page.keyboard.press("g")
    field = page.get_by_label("Find a field to group by")
    field.fill("lr")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**group=config.lr*")
    until(lambda: field.evaluate("field => field === document.activeElement"))


def test_back_from_a_run_leads_to_the_row_and_the_selection(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """In a long table far down; the row that is selected is not below the bar that comes then."""
    page = visit(gallery.url).workspace("many", "/runs?sort=name")
    for key in ("j", "PageDown", "PageDown", "PageDown", "x"):
        page.keyboard.press(key)
    page.get_by_text("1 selected").wait_for()
    until(lambda: active(page) == "runs-grid-row-60")
    row = page.locator("#runs-grid .grid-row.active")
    grid = page.locator("#runs-grid")
    until(lambda: bottom(row) <= bottom(grid), what="the active row in view")
    before = grid.evaluate("grid => grid.scrollTop")
    page.keyboard.press("Enter")
    page.wait_for_url("**/p/many/r/m0060")
    page.go_back()
    until(lambda: active(page) == "runs-grid-row-60", what="the row that was left")
    assert grid.evaluate("grid => grid.scrollTop") == before
    page.get_by_text("1 selected").wait_for()
    page.keyboard.press("j")
    until(lambda: active(page) == "runs-grid-row-61")


def bottom(locator: Locator) -> float:
    box = locator.bounding_box()
    assert box
    return box["y"] + box["height"]


def test_j_in_a_head_goes_to_the_rows_so_that_enter_opens_one(page: Page) -> None:
    """The focus in the head would take Enter for another order."""
    page.locator("#runs-grid [data-act=sort]").nth(1).focus()
    page.keyboard.press("j")
    until(lambda: page.evaluate("document.activeElement.id") == "runs-grid")
    page.keyboard.press("Enter")
    page.wait_for_url("**/p/resnets/r/r18-5")


def test_with_single_keys_off_keys_that_are_no_characters_go_on(page: Page) -> None:
    """Letters and signs mean nothing then; the arrows, Enter and Space are not typed by chance."""
    page.keyboard.press("?")
    page.get_by_label("Single-key shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    page.locator("#runs-grid").focus()
    for key in ("j", "x", "/"):
        page.keyboard.press(key)
    assert active(page) is None
    page.keyboard.press("ArrowDown")
    until(lambda: active(page) == "runs-grid-row-0")
    page.keyboard.press("Enter")
    page.wait_for_url("**/p/resnets/r/r18-5")
