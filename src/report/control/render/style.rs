//! How the page looks, on a screen and on A4.

/// The whole style sheet: nothing is fetched.
pub(super) const SHEET: &str = r#"
:root { --ink: #1a1d21; --soft: #4d545c; --line: #c9ced4; --fill: #f2f4f6; --team: #1f5fa8; --attacker: #a8330b; }
* { box-sizing: border-box; }
html { font: 16px/1.45 system-ui, "Segoe UI", "Liberation Sans", Arial, sans-serif; color: var(--ink); background: #fff; }
body { margin: 0; }
header, main, footer { max-width: 62rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2rem; }
h1 { font-size: 1.7rem; margin: 0 0 .25rem; line-height: 1.2; }
h2 { font-size: 1.3rem; margin: 2.5rem 0 .5rem; padding-top: .75rem; border-top: 2px solid var(--ink); }
h3 { font-size: 1.05rem; margin: 1.25rem 0 .4rem; }
p { margin: .5rem 0; max-width: 48rem; }
nav ol { columns: 2; padding-left: 1.2rem; margin: .75rem 0; font-size: .9rem; }
a { color: #174a85; }
.soft, .from { color: var(--soft); font-size: .85rem; }
.headline { display: flex; gap: 1.5rem; align-items: flex-start; background: var(--fill); padding: 1rem 1.25rem; margin: .75rem 0; flex-wrap: wrap; }
.headline .figure { font-size: clamp(1.7rem, 7.5vw, 3rem); font-weight: 700; line-height: 1.05; margin: 0; }
.headline .label { margin: .3rem 0 0; color: var(--soft); }
.headline .details { flex: 1 1 20rem; }
.headline .details p:first-child { margin-top: 0; }
dl.facts { display: grid; grid-template-columns: minmax(12rem, 22rem) 1fr; gap: .25rem 1rem; margin: .75rem 0; }
dl.facts dt { color: var(--soft); }
dl.facts dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
dl.words dt { font-weight: 600; margin-top: .75rem; }
dl.words dd { margin: 0; max-width: 48rem; }
ol.points li { margin: .4rem 0; max-width: 48rem; }
.table { overflow-x: auto; margin: .9rem 0 .3rem; }
table { border-collapse: collapse; width: 100%; font-size: .84rem; line-height: 1.35; }
caption { text-align: left; font-weight: 600; padding: .25rem 0; }
th, td { padding: .3rem .5rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; font-variant-numeric: tabular-nums; }
thead th { border-bottom: 2px solid var(--ink); vertical-align: bottom; }
th:not(.text), td:not(.text) { white-space: nowrap; }
th.text, td.text { text-align: left; }
th.long, td.long { overflow-wrap: anywhere; min-width: 9rem; }
.whole { white-space: nowrap; }
tbody th { font-weight: 400; }
figure { margin: 1rem 0; }
figcaption { font-size: .85rem; color: var(--soft); }
svg { width: 100%; height: auto; display: block; }
svg text { font: 12px system-ui, "Segoe UI", "Liberation Sans", Arial, sans-serif; fill: var(--ink); }
svg .axis { stroke: var(--ink); stroke-width: 1; fill: none; }
svg .grid { stroke: var(--line); stroke-width: 1; fill: none; }
svg .mark { stroke: var(--attacker); stroke-width: 1; stroke-dasharray: 2 3; fill: none; }
svg .bounds { fill: var(--team); fill-opacity: .18; }
svg .team { stroke: var(--team); stroke-width: 2.5; fill: none; }
svg .attacker { stroke: var(--attacker); stroke-width: 2.5; stroke-dasharray: 7 4; fill: none; }
svg .p0 { fill: #1f5fa8; } svg .p1 { fill: #7fb0e0; } svg .p2 { fill: #c65a25; } svg .p3 { fill: #8b8f94; } svg .p4 { fill: #dfe3e7; }
footer { padding-bottom: 2rem; }
@page { size: A4; margin: 14mm 13mm 17mm; @bottom-right { content: counter(page) " / " counter(pages); font: 8pt "Liberation Sans", Arial, sans-serif; } }
@media print {
  html { font-size: 9.5pt; }
  header, main, footer { max-width: none; padding: 0; }
  header { padding-top: 0; }
  nav { display: none; }
  a { color: inherit; text-decoration: none; }
  .table { overflow: visible; }
  table { font-size: 7.4pt; }
  th, td { padding: .18rem .3rem; }
  /* Ranges with their bounds are wide; paper has no other page to the right. */
  th:not(.text):not(.whole), td:not(.text):not(.whole) { white-space: normal; }
  thead { display: table-header-group; }
  tr, figure, .headline, dl.facts > *, dt, dd, li { break-inside: avoid; }
  h2, h3, caption, dt { break-after: avoid; }
  th.long, td.long { min-width: 0; width: 32%; }
  section.verdict figure { max-width: 106mm; margin: .3rem 0; }
  section.verdict dl.facts { break-before: page; }
  section.verdict h2 { margin-top: .8rem; }
  section#appendix { break-before: page; }
  figure { max-width: 150mm; }
  p, li { orphans: 3; widows: 3; }
}
"#;
