"""How the page of a report looks, in light, in dark and on paper."""

from __future__ import annotations

from typing import Final

_LIGHT: Final = """--text: #1a2027; --soft: #5a6673; --line: #e3e6ea; --back: #fff;
  --panel: #f7f8fa; --accent: #0b63ce; --odd: #c62828; --warn: #8a5a00;
  --c0: #7D131A; --c1: #9A9709; --c2: #3D4B67; --c3: #6597CF; --c4: #CC7C86; --c5: #6F6D1C;
  --c6: #7C18A8; --c7: #5B60EF;"""
_DARK: Final = """--text: #e6eaef; --soft: #9aa5b1; --line: #2a313a; --back: #0f1318;
  --panel: #161b22; --accent: #6cb2ff; --odd: #ff7b72; --warn: #f0b849;
  --c0: #E29893; --c1: #F2EE43; --c2: #4779EB; --c3: #6EADF2; --c4: #D14260; --c5: #ABA70E;
  --c6: #9270A7; --c7: #C5CCEF;"""
_COLORS: Final = "".join(
    f".c{n} {{ stroke: var(--c{n}); }} circle.c{n} {{ fill: var(--c{n}); }}\n" for n in range(8)
)

STYLE: Final = f"""
:root {{ color-scheme: light dark; {_LIGHT} }}
@media screen and (prefers-color-scheme: dark) {{ :root {{ {_DARK} }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0 auto; max-width: 832px; padding: 48px clamp(16px, 5vw, 36px) 96px;
  background: var(--back); color: var(--text); overflow-wrap: anywhere;
  font: 16px/1.65 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }}
h1, h2, h3, h4, h5, h6 {{ line-height: 1.25; margin: 1.6em 0 0.5em; text-wrap: balance; }}
h1.title {{ margin: 0 0 4px; font-size: 34px; letter-spacing: -0.015em; }}
h2 {{ font-size: 24px; }} h3 {{ font-size: 19px; }} h4, h5, h6 {{ font-size: 16px; }}
p, ul, ol, blockquote, pre, figure, table {{ margin: 0 0 16px; }}
a {{ color: var(--accent); }} .soft {{ color: var(--soft); font-size: 13px; }}
blockquote {{ padding-left: 16px; border-left: 3px solid var(--line); color: var(--soft); }}
code, pre {{ font: 13px/1.55 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }}
code {{ padding: 1px 5px; border-radius: 4px; background: var(--panel); }}
pre {{ padding: 12px 16px; overflow: auto; border: 1px solid var(--line); border-radius: 8px;
  background: var(--panel); }}
hr {{ border: 0; border-top: 1px solid var(--line); margin: 32px 0; }}
table {{ border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }}
th, td {{ padding: 5px 14px 5px 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); }}
th {{ font-weight: 600; overflow-wrap: normal; }} .scroll {{ overflow-x: auto; }}
.n {{ white-space: nowrap; }} td:has(> .swatch) {{ min-width: 8em; }}
figure {{ padding: 14px 16px 12px; border: 1px solid var(--line); border-radius: 10px; }}
figcaption {{ margin-bottom: 8px; font-size: 14px; font-weight: 600; line-height: 1.4; }}
figcaption span {{ font-weight: 400; color: var(--soft); }}
figure p {{ margin: 8px 0 0; }} figure table, figure p:first-child {{ margin: 0; }}
.problem {{ color: var(--warn); font-size: 14px; white-space: pre-wrap; }}
svg {{ display: block; width: 100%; height: auto; }}
svg text {{ font: 11px system-ui, sans-serif; fill: var(--soft); }}
.grid {{ stroke: var(--line); }} .odd {{ stroke: var(--odd); stroke-width: 1.2; }}
polyline, .swatch line {{ fill: none; stroke-width: 1.5; stroke-linejoin: round; }}
.swatch line {{ stroke-width: 2.5; }} .ghost {{ opacity: 0.28; stroke-width: 1; }}
{_COLORS}.d1 {{ stroke-dasharray: 6 3; }} .d2 {{ stroke-dasharray: 2 2; }}
.d3 {{ stroke-dasharray: 8 2 2 2; }}
.swatch {{ display: inline-block; width: 18px; height: 8px; margin-right: 6px; }}
.legend {{ display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 8px 0 0; padding: 0;
  list-style: none; font-size: 12.500px; line-height: 1.5; color: var(--soft); }}
.ridge {{ fill: var(--accent); fill-opacity: 0.6; stroke: var(--back); stroke-width: 1; }}
.media {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; }}
.matrix {{ width: auto; max-width: 100%; }} .plots {{ min-width: 0; }}
.media img {{ display: block; max-width: 100%; }}
.media .small {{ width: 100%; max-width: 220px; image-rendering: pixelated; }}
.cell {{ fill: var(--accent); }} svg .count {{ fill: var(--text); }}
.bars {{ width: 100%; }} .bars .wide {{ width: 55%; padding-right: 0; }}
.bar {{ height: 12px; margin-top: 6px; }} .bar rect {{ fill: var(--accent); }}
@page {{ margin: 16mm; }}
@media print {{
  body {{ max-width: none; padding: 0; font-size: 11pt; }}
  figure, pre, tr, blockquote {{ break-inside: avoid; }}
  h1, h2, h3, h4 {{ break-after: avoid; }}
  pre {{ white-space: pre-wrap; }} a {{ color: inherit; }}
}}
"""
