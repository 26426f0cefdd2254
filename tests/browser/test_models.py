"""Models on the page: what a run saved, drawn and described; the registry and its history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.clients import run_script
from tests.browser.gallery import Gallery, ask
from tests.browser.visitor import Visitor, until
from tests.conftest import Server

pytestmark = pytest.mark.browser

REGISTER = """
import pathlib, tempfile
path = pathlib.Path(tempfile.mkdtemp(), "model.bin")
for number, accuracy in enumerate((0.91, 0.97)):
    run = epochal.init(project="mine", id=f"trainer-{number}", name=f"trainer {number}",
                       settings=QUIET, reinit="create_new")
    run.log({"val/acc": accuracy, "val/loss": 1 - accuracy, "lr": 0.1}, step=0)
    path.write_bytes(bytes([number]) * 10)
    data = epochal.Artifact("weights", type="model")
    data.add_file(str(path))
    run.link_artifact(run.log_artifact(data), "net")
    run.finish()
"""


@pytest.fixture
def stored(server: Server) -> Callable[[], Any]:
    """``stored()``: the registered model as the store has it now."""
    run_script(server.home, REGISTER)

    def complete() -> bool:
        models = ask(server.url, "/api/v1/models")["models"]
        return any(model["versions"] == 2 and model["latest"] == 2 for model in models)

    until(complete, what="both versions are registered")
    return lambda: ask(server.url, "/api/v1/models/net")


@pytest.fixture
def page(server: Server, stored: Callable[[], Any], visit: Callable[..., Visitor]) -> Page:
    page = visit(server.url).go("/models/net")
    page.get_by_role("heading", name="net", exact=True).wait_for()
    return page


def test_a_saved_model_tells_what_it_takes_and_gives(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """Signature, first numbers of the example, layers with parameters, and how to load it."""
    page = visit(gallery.url).go("/p/belongings/r/trainer-1/model")
    signature = page.get_by_label("Signature")
    signature.get_by_text("[any, 1, 8, 8]").wait_for()
    assert signature.get_by_text("[any, 10]").is_visible()
    example = page.get_by_label("Input example")
    example.get_by_text("[2, 1, 8, 8]").wait_for()
    assert example.get_by_text("0.007874").is_visible()
    layers = page.get_by_label("Layers", exact=True)
    layers.get_by_text("parameters").first.wait_for()
    page.get_by_label("Search the layers").fill("batchnorm")
    until(lambda: layers.locator("tbody tr").count() == 4)
    assert page.get_by_text('epochal.load_model("runs:/trainer-1/classifier")').is_visible()


def test_times_of_models_stay_in_the_table(page: Page) -> None:
    """The longest words for a time, in the narrow last column."""
    page.get_by_role("link", name="Models", exact=True).click()
    cell = page.get_by_label("Registered models").locator("tbody tr td:last-child").first
    cell.wait_for()
    for words in ("59 min ago", "2026-12-28"):
        width, room = cell.evaluate(
            "(cell, text) => { cell.textContent = text; "
            "return [cell.scrollWidth, cell.clientWidth]; }",
            words,
        )
        assert width <= room, words


def test_a_registered_model_tells_what_the_version_in_use_takes_and_gives(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """The signature stands on the model's own page, of the version that "Use it" loads."""
    page = visit(gallery.url).go("/models/digits")
    signature = page.get_by_label("Signature", exact=True)
    signature.get_by_text("[any, 1, 8, 8]").wait_for()
    assert signature.get_by_text("[any, 10]").is_visible()
    model = ask(gallery.url, "/api/v1/models/digits")
    alias, version = max(model["aliases"].items(), key=lambda pair: pair[1])
    assert signature.get_by_text(f"version {version}", exact=True).is_visible()
    page.get_by_text(f"models:/digits@{alias}").first.wait_for()


ECHO = """
import mlflow
mlflow.set_tracking_uri(sys.argv[1])

class Twice(mlflow.pyfunc.PythonModel):
    def predict(self, model_input: list[float]) -> list[float]:
        return [2 * value for value in model_input]

with mlflow.start_run(experiment_id=mlflow.create_experiment("twice")) as run:
    mlflow.pyfunc.log_model(name="net", python_model=Twice(), registered_model_name="twice")
print(run.info.run_id)
"""


def test_what_only_mlflow_loads_is_shown_to_be_loaded_by_it(
    server: Server, visit: Callable[..., Visitor]
) -> None:
    """A model of plain Python; the lines that the page shows run as they are."""
    uid = run_script(server.home, ECHO, server.url).split()[-1]
    run = ask(server.url, f"/api/v1/runs/{uid}")
    places = ("/models/twice", "Use it"), (f"/p/twice/r/{run['id']}/model", "Load it")
    for place, title in places:
        shown = visit(server.url).go(place).get_by_label(title, exact=True).locator("pre")
        shown.get_by_text("mlflow.pyfunc.load_model").wait_for()
        lines = f"data = [1.5]\n{shown.inner_text()}\nprint('it says', prediction)"
        assert "it says [3.0]" in run_script(server.home, lines)


def test_a_model_that_says_nothing_of_itself_has_no_signature(page: Page) -> None:
    """Bytes that a run linked: their versions are listed, and no empty card stands beside."""
    page.get_by_label("Versions").locator("tbody tr").first.wait_for()
    page.get_by_text("epochal.", exact=False).first.wait_for()
    assert page.get_by_label("Signature", exact=True).count() == 0


def test_a_metric_with_a_space_in_its_name_stands_beside_its_version(
    server: Server, visit: Callable[..., Visitor]
) -> None:
    """As MLflow's keys may have one: the other metrics are there as well."""
    run_script(server.home, REGISTER.replace('"lr": 0.1', '"top 1 %": 0.25'))
    until(lambda: ask(server.url, "/api/v1/models")["models"][:1], what="the model is registered")
    page = visit(server.url).go("/models/net")
    table = page.get_by_role("table", name="Versions")
    table.get_by_role("columnheader", name="val/acc", exact=True).wait_for()
    for metric in ("top 1 %", "val/acc"):
        if not table.get_by_role("columnheader", name=metric, exact=True).count():
            page.get_by_label("Show a metric").select_option(label=metric)
    table.get_by_role("cell", name="0.25", exact=True).first.wait_for()
    table.get_by_role("cell", name="0.97", exact=True).wait_for()


@pytest.mark.parametrize("run,operation", [("trainer-1", "conv2d"), ("onnx", "Conv")])
def test_the_graph_of_a_program_is_drawn(
    gallery: Gallery, visit: Callable[..., Visitor], run: str, operation: str
) -> None:
    """An exported program and an ONNX file; modules close into one box and open again."""
    page = visit(gallery.url).go(f"/p/belongings/r/{run}/model")
    graph = page.get_by_label("Graph", exact=True)
    graph.locator('[data-box="input"]').wait_for()
    convolutions = graph.locator(f'[data-box="{operation}"]')
    all_of_them = convolutions.count()
    assert all_of_them >= 3
    top = graph.locator('[data-box="input"]').bounding_box()
    below = convolutions.first.bounding_box()
    assert top
    assert below
    assert top["y"] < below["y"]
    graph.get_by_role("button", name="Close modules").click()
    until(lambda: convolutions.count() < all_of_them)
    boxes = graph.locator("g.box").count()
    graph.locator('[data-box="1"] [role=button]').press("Enter")
    until(lambda: graph.locator("g.box").count() > boxes)
    graph.get_by_role("button", name="Modules", exact=True).click()
    if run == "trainer-1":
        graph.locator('[data-box="(model)"]').wait_for()


def test_the_graph_is_moved_and_enlarged(gallery: Gallery, visit: Callable[..., Visitor]) -> None:
    """By mouse, wheel and keys; "Fit" brings it back."""
    page = visit(gallery.url).go("/p/belongings/artifacts/digits@latest/lineage")
    box = page.locator('[data-box="maker"]')
    box.wait_for()

    def place() -> tuple[float, float]:
        found = box.bounding_box()
        assert found
        return round(found["x"]), round(found["width"])

    start = until(place)
    page.mouse.move(300, 300)
    page.mouse.down()
    page.mouse.move(400, 340, steps=4)
    page.mouse.up()
    until(lambda: place()[0] == start[0] + 100)
    page.mouse.wheel(0, -300)
    until(lambda: place()[1] > start[1])
    page.get_by_role("button", name="Fit").click()
    until(lambda: place() == start)
    page.get_by_role("group", name="Lineage").press("ArrowLeft")
    until(lambda: place()[0] == start[0] + 40)


def test_a_run_without_a_model_says_how_to_get_one(
    gallery: Gallery, visit: Callable[..., Visitor]
) -> None:
    """An empty tab is no blank page."""
    page = visit(gallery.url).go("/p/belongings/r/files/model")
    page.get_by_role("heading", name="No model").wait_for()
    assert page.get_by_text("run.log_model").is_visible()


def test_versions_stand_side_by_side_with_their_metrics(page: Page) -> None:
    """The metrics of the runs; which ones is chosen, and stands in the address."""
    table = page.get_by_role("table", name="Versions")
    table.get_by_role("columnheader", name="val/acc", exact=True).wait_for()
    table.get_by_role("cell", name="0.97", exact=True).wait_for()
    assert table.get_by_role("cell", name="0.91", exact=True).count() == 1
    assert table.get_by_role("link", name="trainer 1").count() == 1
    page.get_by_role("button", name="Hide val/loss").click()
    until(lambda: table.get_by_role("columnheader", name="val/loss").count() == 0)
    page.reload()
    table.get_by_role("cell", name="0.97", exact=True).wait_for()
    assert table.get_by_role("columnheader", name="val/loss").count() == 0
    page.get_by_label("Show a metric").select_option(label="val/loss")
    table.get_by_role("columnheader", name="val/loss").wait_for()
    table.get_by_role("link", name="weights:v1").click()
    page.wait_for_url("**/p/mine/artifacts/weights@v1")


def test_stages_aliases_and_description_are_saved_with_their_history(
    page: Page, stored: Callable[[], Any]
) -> None:
    """A promotion and a moved alias reach the store, and the page tells who did what."""
    page.get_by_label("Stage of version 2").select_option("production")
    until(lambda: stored()["all_versions"][0]["stage"] == "production")
    page.get_by_role("row").filter(has_text="trainer 0").get_by_role(
        "button", name="Add an alias"
    ).click()
    page.get_by_role("textbox", name="Add an alias").fill("champion")
    page.keyboard.press("Enter")
    until(lambda: stored()["aliases"] == {"champion": 1})
    page.get_by_label("History").get_by_text("alias champion").first.wait_for()
    page.get_by_role("button", name="Edit the description of net").click()
    page.get_by_label("Description of net").fill("The net.")
    page.get_by_role("heading", name="net", exact=True).click()
    until(lambda: stored()["description"] == "The net.")
    page.get_by_text('epochal.load_model("models:/net@champion")').wait_for()
    page.get_by_label("History").get_by_text("production").first.wait_for()
    page.get_by_role("link", name="Models", exact=True).click()
    page.get_by_text("champion → 1").wait_for()


def test_a_version_is_taken_out_after_its_name_was_typed(
    page: Page, stored: Callable[[], Any]
) -> None:
    """The artifact stays."""
    page.get_by_role("button", name="Delete version 1").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill("net/1")
    dialog.get_by_role("button", name="Delete", exact=True).click()
    until(lambda: [v["version"] for v in stored()["all_versions"]] == [2])
    until(lambda: page.get_by_role("button", name="Delete version 1").count() == 0)


def test_a_version_is_registered_from_its_page(
    server: Server, stored: Callable[[], Any], visit: Callable[..., Visitor]
) -> None:
    """From an artifact and from the Model tab of its run; then the list shows its stage."""
    visitor = visit(server.url)
    page = visitor.go("/p/mine/artifacts/weights@v0")
    page.get_by_role("button", name="Register as a model").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Registered model").fill("fresh")
    dialog.get_by_text("fresh is new").wait_for()
    dialog.get_by_label("Aliases").fill("champion, eu")
    dialog.get_by_role("button", name="Register").click()
    page.get_by_role("heading", name="fresh", exact=True).wait_for()
    made = ask(server.url, "/api/v1/models/fresh")
    assert made["aliases"] == {"champion": 1, "eu": 1}
    assert made["all_versions"][0]["artifact"] == "local/mine/weights"

    page = visitor.go("/p/mine/r/trainer-1/model")
    page.get_by_role("button", name="Register", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Registered model").fill("fresh")
    dialog.get_by_text("The next version of fresh").wait_for()
    dialog.get_by_role("button", name="Register").click()
    until(lambda: ask(server.url, "/api/v1/models/fresh")["latest"] == 2)

    change = {"stage": "production"}
    ask(server.url, "/api/v1/models/fresh/versions/2", change, method="PATCH")
    page = visitor.go("/models")
    page.get_by_text("production → 2").wait_for()
