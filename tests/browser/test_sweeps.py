"""A sweep is made, followed, searched through and steered on its page, while real agents work."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import serious
from tests.browser.clients import QUIET, run_script
from tests.browser.gallery import ask, wait_known
from tests.browser.visitor import Visitor, until
from tests.conftest import Server

pytestmark = pytest.mark.browser

TRAIN = f"""
import sys
import epochal
WIDTHS = {{"narrow": 0.4, "wide": 0.0}}
def train():
    with epochal.init(settings={QUIET!r}) as run:
        if run.config.width == "broken":
            raise ValueError("no such width")
        run.log({{"loss": (run.config.lr - 0.3) ** 2 + WIDTHS[run.config.width]}})
epochal.agent(sys.argv[1], train)
"""
PATIENT = TRAIN.replace(
    "        run.log(",
    """        while not run.should_stop:
            time.sleep(0.05)
        run.log(""",
).replace("import sys", "import sys, time")
_BEFORE = """
for number, lr in enumerate((0.1, 0.25, 0.5)):
    run = epochal.init(project="prior", id=f"r{number}", settings=QUIET, config={"lr": lr},
                       reinit="create_new")
    run.log({"loss": lr**2})
    run.finish()
"""
SECONDS = 120_000


def _agent(
    sweep: str, server: Server, place: Path, source: str = TRAIN
) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "EPOCHAL_URL": server.url, "EPOCHAL_HOME": str(place)}
    return subprocess.Popen([sys.executable, "-c", source, sweep], env=environment)


def _numbers(page: Page) -> list[int]:
    found: list[int] = page.evaluate(
        "() => [...document.querySelectorAll('[data-trial]')].map((r) => Number(r.dataset.trial))"
    )
    return found


def _says(page: Page, text: str) -> None:
    expect(page.locator("main")).to_contain_text(text, timeout=SECONDS)


def _good_for_everybody(page: Page) -> None:
    """Nothing serious for axe in both themes, and on a phone no wider than it."""
    before = page.viewport_size
    for theme in ("dark", "light"):
        page.emulate_media(color_scheme=theme)
        assert serious(page) == [], theme
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert before is not None
    page.set_viewport_size(before)


def _fill(page: Page, parameter: int, name: str, values: str) -> None:
    page.get_by_label(f"Name of parameter {parameter}").fill(name)
    if "," in values:
        page.get_by_label(f"Kind of parameter {parameter}").select_option("choices")
        page.get_by_label(f"Values of parameter {parameter}").fill(values)
        return
    low, _, high = values.partition(" to ")
    page.get_by_label(f"Kind of parameter {parameter}").select_option("number")
    page.get_by_label(f"Least value of parameter {parameter}").fill(low)
    page.get_by_label(f"Greatest value of parameter {parameter}").fill(high)


def test_a_sweep_is_made_followed_and_steered_on_its_page(
    server: Server, visit: Callable[..., Visitor], tmp_path: Path
) -> None:
    """From the empty page to the last trial; every number on it comes from real agents."""
    visitor = visit(server.url)
    visitor.forgiven = ("Failed to load resource: the server responded with a status of 400",)
    page = visitor.go("/p/search/sweeps")
    _says(page, "epochal.sweep(config, project=")
    page.get_by_role("button", name="New sweep").click()
    page.get_by_label("Method").select_option("random")
    page.get_by_label("Metric").fill("loss")
    page.get_by_label("Most trials").fill("14")
    _fill(page, 1, "lr", "0 to many")
    _fill(page, 2, "width", "narrow, wide, broken")
    page.get_by_role("button", name="Make the sweep").click()
    expect(page.get_by_role("alert")).to_contain_text("line 6: parameters.lr.max", timeout=SECONDS)
    expect(page.locator(".lines .wrong")).to_have_text("6")
    page.get_by_label("Greatest value of parameter 1").fill("1")
    text = page.get_by_label("Configuration in YAML")
    text.fill(text.input_value() + "seed: 3\n")
    page.get_by_role("button", name="Make the sweep").click()
    page.wait_for_url("**/sweeps/*", timeout=SECONDS)
    sweep = page.url.rpartition("/")[2]
    _says(page, f"epochal sweep agent {sweep}")
    _good_for_everybody(page)

    agents = [_agent(sweep, server, tmp_path / f"agent-{n}") for n in range(2)]
    _says(page, "14 of 14")
    assert [agent.wait(120) for agent in agents] == [0, 0]
    expect(page.locator("main h1 ~ .sign")).to_contain_text("finished", timeout=SECONDS)
    until(lambda: len(_numbers(page)) == 14, 60, "each trial has its row")
    expect(page.get_by_label("When each agent ran which trial").locator("rect")).to_have_count(14)
    assert page.get_by_label("Trials across their parameters").is_visible()

    page.get_by_title("Sort by loss").click()
    first = page.locator("[data-trial]").first
    expect(first).to_contain_text("★")
    best = first.get_attribute("data-trial")
    expect(page.locator(".facts")).to_contain_text(f"trial {best}")
    assert page.get_by_text("no such width").count() > 0, "what failed says why"

    page.goto(f"{server.url}/p/search/sweeps/{sweep}?q={quote('config.lr <= 0.5')}")
    until(lambda: 0 < len(_numbers(page)) < 14, 60, "a range in the address chooses trials")
    page.get_by_role("button", name="Show all").click()
    until(lambda: len(_numbers(page)) == 14, 60, "all are shown again")
    handle = page.get_by_role("button", name="Axis lr")

    def drag() -> bool:
        # The axes may still move while answers arrive: then the drag meets nothing.
        handle.evaluate("(e) => e.scrollIntoView({ block: 'center' })")
        box = handle.bounding_box()
        if box is None:
            return False
        middle = box["x"] + box["width"] / 2
        page.mouse.move(middle, box["y"] + box["height"] - 2)
        page.mouse.down()
        page.mouse.move(middle, box["y"] + box["height"] / 2, steps=4)
        page.mouse.up()
        page.wait_for_timeout(500)
        return "config.lr" in page.url

    until(drag, 60, "a drag along an axis is in the address")
    until(lambda: 0 < len(_numbers(page)) < 14, 60, "and chooses trials")
    page.get_by_role("button", name="Show all").click()
    page.get_by_label("Second parameter, for a contour").select_option("width")
    _says(page, "interpolated between trials")

    page.get_by_role("button", name=f"Rename {sweep}").click()
    page.get_by_label("Name of the sweep").fill("wide or narrow")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="wide or narrow", exact=True).wait_for()
    page.reload()
    page.get_by_role("heading", name="wide or narrow", exact=True).wait_for()

    page.get_by_role("button", name="Enqueue").click()
    page.get_by_role("dialog").get_by_label("lr").fill("0.25")
    page.get_by_role("dialog").get_by_label("width").select_option("wide")
    page.get_by_role("dialog").get_by_role("button", name="Enqueue").click()
    _says(page, "1 asked for")
    page.get_by_role("button", name="Extend").click()
    page.get_by_role("dialog").get_by_label("Trials").fill("15")
    page.get_by_role("dialog").get_by_role("button", name="Extend").click()
    _says(page, "14 of 15")
    assert _agent(sweep, server, tmp_path / "agent-3").wait(120) == 0
    row = page.locator("[data-trial='14']")
    expect(row).to_contain_text("asked for", timeout=SECONDS)
    expect(row).to_contain_text("0.25")
    page.get_by_role("button", name="Repeat best").click()
    page.get_by_label("Seeds").fill("2")
    page.get_by_role("dialog").get_by_role("button", name="Repeat", exact=True).click()
    _says(page, "2 asked for")
    assert _agent(sweep, server, tmp_path / "agent-4").wait(120) == 0
    expect(page.locator(".facts")).to_contain_text("Again with 2 seeds", timeout=SECONDS)
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Pause").click(timeout=SECONDS)
    expect(page.locator("main h1 ~ .sign")).to_contain_text("paused", timeout=SECONDS)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("main h1 ~ .sign")).to_contain_text("finished", timeout=SECONDS)
    _good_for_everybody(page)
    page.goto(f"{server.url}/p/search/sweeps")
    expect(page.get_by_label("Sweeps").get_by_role("row")).to_have_count(2, timeout=SECONDS)
    _good_for_everybody(page)
    page.goto(f"{server.url}/p/nobody/sweeps")
    _says(page, "No sweeps yet")
    _good_for_everybody(page)


def test_several_objectives_show_their_front(
    server: Server, visit: Callable[..., Visitor], tmp_path: Path
) -> None:
    """With parameters that a function asked for by name, in one branch or the other."""
    script = """
config = {"method": "bayes", "define_by_run": True, "seed": 1, "run_cap": 12,
          "metric": [{"name": "loss"}, {"name": "speed", "goal": "maximize"}]}
sweep = epochal.sweep(config, project="search")
def objective(trial):
    kind = trial.suggest_categorical("kind", ["conv", "mlp"])
    size = trial.suggest_int("depth" if kind == "conv" else "width", 1, 9)
    with epochal.init(settings=QUIET) as run:
        run.summary.update({"loss": 1 / size, "speed": 10 - size})
epochal.agent(sweep, objective)
print(sweep)
"""
    sweep = run_script(server.home, script).split()[-1]
    page = visit(server.url).go(f"/p/search/sweeps/{sweep}")
    _says(page, "12 of 12")
    expect(page.get_by_label("Trials by their objectives")).to_be_visible()
    expect(page.locator(".facts")).to_contain_text("that no other beats")
    heads = page.get_by_role("columnheader")
    for name in ("loss", "speed", "kind", "depth", "width"):
        expect(heads.filter(has_text=name).first).to_be_visible()
    until(lambda: len(_numbers(page)) == 12, 60, "each trial has its row")
    assert page.locator("[data-trial]").filter(has_text="★").count() > 0
    _good_for_everybody(page)


def test_a_trial_that_runs_is_asked_to_end_and_the_sweep_goes_on(
    server: Server, visit: Callable[..., Visitor], tmp_path: Path
) -> None:
    """Its program hears it, logs what it has, and the agent takes the next trial."""
    config = {
        "method": "random", "metric": {"name": "loss"}, "run_cap": 2,
        "parameters": {"lr": {"min": 0.0, "max": 1.0}, "width": {"value": "wide"}},
    }  # fmt: skip
    made = ask(server.url, "/api/v1/sweeps", {"config": config, "project": "patient"})
    page = visit(server.url).go(f"/p/patient/sweeps/{made['id']}")
    agent = _agent(made["id"], server, tmp_path / "agent", PATIENT)
    for trial in ("0", "1"):
        row = page.locator(f"[data-trial='{trial}']")
        row.get_by_role("button", name=f"End trial {trial}").click(timeout=SECONDS)
        expect(row).to_contain_text("finished", timeout=SECONDS)
        expect(row.get_by_role("button")).to_have_count(0)
    assert agent.wait(120) == 0
    _says(page, "2 of 2")


def test_a_sweep_made_on_the_page_learns_from_runs_that_a_filter_finds(
    server: Server, visit: Callable[..., Visitor]
) -> None:
    """They are its first trials, with what they came to."""
    run_script(server.home, _BEFORE)
    wait_known(server.url, "prior", "r2")
    page = visit(server.url).go("/p/prior/sweeps")
    page.get_by_role("button", name="New sweep").click()
    page.get_by_label("Metric").fill("loss")
    _fill(page, 1, "lr", "0 to 1")
    page.get_by_role("button", name="Take parameter 2 away").click()
    page.get_by_label("Runs to learn from").fill('name == "nobody"')
    page.get_by_role("button", name="Make the sweep").click()
    expect(page.get_by_role("alert")).to_contain_text("No run fits", timeout=SECONDS)
    page.get_by_label("Runs to learn from").fill("config.lr > 0.2")
    page.get_by_role("button", name="Make the sweep").click()
    page.wait_for_url("**/sweeps/*", timeout=SECONDS)
    until(lambda: len(_numbers(page)) == 2, 60, "the runs from before")
    expect(page.locator(".facts")).to_contain_text("0.0625")
