"""How the page of a run looks: one style sheet, for light and dark."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --text: #1b1f24; --soft: #5c6670; --line: #d9dee3;
  --back: #fff; --panel: #f6f8fa; --accent: #2563eb; --odd: #d9480f; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e9ec; --soft: #98a2ad; --line: #333a42;
  --back: #14181c; --panel: #1c2127; --accent: #7aa2ff; --odd: #ff9256; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 24px clamp(12px, 4vw, 48px) 64px; background: var(--back);
  color: var(--text); font: 14px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { margin: 0; font-size: 24px; } h2 { margin: 32px 0 8px; font-size: 17px; }
h3 { margin: 0 0 4px; font-size: 13px; font-weight: 600; }
.soft, figcaption { color: var(--soft); }
.chip { display: inline-block; padding: 0 8px; margin-right: 4px; border-radius: 10px;
  background: var(--panel); border: 1px solid var(--line); font-size: 12px; }
.charts { display: grid; gap: 12px;
  grid-template-columns: repeat(auto-fill, minmax(min(360px, 100%), 1fr)); }
.panel { padding: 10px; border: 1px solid var(--line); border-radius: 8px; min-width: 0; }
svg { width: 100%; height: auto; display: block; }
svg text { font: 10px system-ui, sans-serif; fill: var(--soft); }
.grid { stroke: var(--line); stroke-width: 1; }
.line { fill: none; stroke: var(--accent); stroke-width: 1.5; stroke-linejoin: round; }
.dot, .bar { fill: var(--accent); } .band { fill: var(--accent); opacity: .18; }
.odd { stroke: var(--odd); stroke-width: 1.5; stroke-dasharray: 3 2; }
.hover { fill: transparent; } .hover:hover { fill: var(--accent); fill-opacity: .12; }
table { border-collapse: collapse; width: 100%; } .scroll { overflow-x: auto; }
th, td { padding: 3px 10px 3px 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); }
th { font-size: 12px; color: var(--soft); font-weight: 600; }
td.n { font-variant-numeric: tabular-nums; }
pre { margin: 0; padding: 10px; background: var(--panel); border-radius: 8px; overflow: auto;
  max-height: 480px; font: 12px/1.45 ui-monospace, monospace; white-space: pre-wrap; }
figure { margin: 0; } img { max-width: 100%; height: auto; image-rendering: auto; }
img.small { width: 160px; image-rendering: pixelated; } audio, video { width: 100%; }
summary { cursor: pointer; } details { margin-top: 12px; }
"""
