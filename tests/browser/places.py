"""Every kind of page that there is, with what stands on it when it is whole."""

from __future__ import annotations

from urllib.parse import quote

from tests.browser.belongings import HOSTILE_NAME
from tests.browser.gallery import HOSTILE, Gallery

PROJECT = quote(HOSTILE["project"], safe="")
PAGES = {
    "/": "table",
    "/p/resnets": '[data-panel="train/loss"] canvas',
    "/p/many": '[data-panel="m/00"] canvas',
    "/p/resnets/r/r18-0": '[aria-label="Summary"]',
    "/p/resnets/r/r18-0/charts": '[data-panel="train/loss"] canvas',
    "/p/resnets/r/r18-0/system": "role=heading[name='No system metrics']",
    "/p/resnets/r/r18-0/notes": "role=heading[name='No notes yet']",
    "/p/resnets/compare?r=r18-0,r18-1,r18-2": "role=region[name='Values of the runs']",
    "/p/resnets/compare": "role=heading[name='Choose runs to compare']",
    "/p/talker/r/talker/logs": ".logs .row",
    "/p/media/r/first/media": '[data-media="train/weights"] rect',
    "/p/media/r/first/media?vs=second&at=40": '[data-media="train/curve"] .xy li >> nth=3',
    "/p/gradients/r/explodes/gradients?layer=block3.weight": '[aria-label^="Histograms of"] path',
    f"/p/{PROJECT}/r/hostile": '[aria-label="Summary"]',
    "/p/belongings/r/files/files?file=results/scores.csv": "role=cell >> nth=2",
    "/p/belongings/r/trainer-1/model": 'svg [data-box="input"]',
    "/p/belongings/artifacts": '[aria-label="Artifacts of the type dataset"]',
    f"/p/belongings/artifacts/{quote(HOSTILE_NAME, safe='')}@latest": '[aria-label="Metadata"]',
    "/p/belongings/artifacts/digits@latest/files": '[aria-label="Files"] .row',
    "/p/belongings/artifacts/digits@latest/versions": '[aria-label="Versions"]',
    "/p/belongings/artifacts/digits@latest/diff": '[aria-label="Added"]',
    "/p/belongings/artifacts/digits@latest/lineage": 'svg [data-box="digits:v2"]',
    "/models": '[aria-label="Registered models"]',
    "/models/digits": '[aria-label="History"] li',
    "/p/resnets/sweeps": "main",
    "/p/resnets/runs": "ul.cards li, [role=grid]",
    "/p/talker/r/talker/logs?line=77777": ".logs .row.here",
    "/embed/panel?project=resnets&panel=lines:train/loss": "figure canvas",
    "/embed/run/explodes?project=gradients": ".embed canvas",
    "/embed/panel": "role=heading[name='This embed cannot be shown']",
}


def pipelines(gallery: Gallery) -> dict[str, str]:
    """The pages of pipelines: the list, a graph with a step beside it, and a comparison."""
    failed, fine = gallery.flows()
    return {
        "/p/flows/pipelines?unlisted=1": "table[aria-label='Pipeline runs'] tr >> nth=3",
        f"/p/flows/pipelines/{failed}/n/judge": "aside h2",
        f"/p/flows/pipelines/{fine}": "g.box",
        f"/p/flows/pipelines/{failed}?vs={fine}": "tr[data-step=judge]",
    }


REPORT = """# Which rate?

Small ones settle, as the table says.

```panel
panel: lines:train/loss|val/loss
log: y
```

| rate | loss |
|---|---|
| 0.1 | 0.02 |

```panel
panel: scatter:config.lr;last(train/loss)
```

```panel
panel: lines:nothing/at/all
```
"""


def reports(gallery: Gallery) -> dict[str, str]:
    """The pages of a report: the list, the report and its editor."""
    if not gallery.ask("/api/v1/reports?project=resnets")["reports"]:
        new = {"project": "resnets", "title": "Which rate?", "text": REPORT}
        gallery.ask("/api/v1/reports", new)
    return {
        "/p/resnets/reports": "role=link[name='Which rate?']",
        "/p/resnets/reports/which-rate": "[data-panel='report:0'] canvas",
        "/p/resnets/reports/which-rate?edit=1": "role=textbox[name='Text of the report']",
    }


def everywhere(gallery: Gallery) -> dict[str, str]:
    """A path of each page, and a selector of what it shows."""
    return {**PAGES, **pipelines(gallery), **reports(gallery)}
