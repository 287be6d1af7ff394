/** How the report looks: light and dark by the reader's system, always light on paper. */

const LIGHT = `
  --page: #f6f7f9; --card: #ffffff; --ink: #1a2230; --soft: #5a6577; --rule: #dfe3e9; --band: #eef1f5;
  --good: #14713a; --good-back: #e5f4ea; --bad: #b0241b; --bad-back: #fcebe9; --warn: #875400; --warn-back: #fdf3df;
  --blue-1: #c6dafa; --blue-2: #7fabf0; --blue-3: #1f5fc4; --area: #dbe8fc;`;
const DARK = `
  --page: #12161d; --card: #1a202a; --ink: #e6eaf0; --soft: #9aa6b8; --rule: #2e3745; --band: #222a36;
  --good: #6fd394; --good-back: #163023; --bad: #ff958b; --bad-back: #3a1c1a; --warn: #f2c270; --warn-back: #35290f;
  --blue-1: #274468; --blue-2: #4078c0; --blue-3: #8dbbff; --area: #223a5c;`;

export const STYLE = `
:root { color-scheme: light dark; ${LIGHT} }
@media (prefers-color-scheme: dark) { :root { ${DARK} } }
@media print { :root { color-scheme: light; ${LIGHT} --page: #ffffff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 28px 24px 48px; }
h1 { font-size: 22px; margin: 0 0 2px; }
h2 { font-size: 17px; margin: 0 0 4px; }
h3 { font-size: 14px; font-weight: 600; color: var(--soft); margin: 10px 0 0; }
p { margin: 4px 0; }
.soft { color: var(--soft); }
section { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 18px 20px; margin-top: 16px; break-inside: avoid; }
.verdict { border-radius: 10px; padding: 16px 20px; margin-top: 16px; border: 1px solid; }
.verdict strong { font-size: 21px; letter-spacing: .02em; margin-right: .5em; }
.verdict ul { margin: 8px 0 0; padding-left: 20px; }
.green { color: var(--good); background: var(--good-back); }
.red, .failed { color: var(--bad); background: var(--bad-back); }
.interrupted { color: var(--warn); background: var(--warn-back); }
.tiles { display: grid; grid-template-columns: repeat(6, 1fr); gap: 12px; margin-top: 16px; }
.tile { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 12px 14px; }
.tile b { display: block; font-size: 23px; font-weight: 650; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: 13px; }
.tile.wrong b { color: var(--bad); }
@media (max-width: 720px) { .tiles { grid-template-columns: repeat(2, 1fr); } }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin-top: 8px; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: 13px; }
th, td { padding: 5px 12px 5px 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
td { overflow-wrap: anywhere; }
tbody tr:last-child td { border-bottom: 0; }
.figure, .bad { text-align: right; white-space: nowrap; }
th.figure { white-space: normal; }
td.bad { color: var(--bad); font-weight: 650; }
td.name { white-space: nowrap; font-weight: 550; }
svg { display: block; width: 100%; min-width: 620px; height: auto; margin-top: 10px; font: 12px system-ui, "DejaVu Sans", sans-serif; }
svg text { fill: var(--ink); }
svg .soft { fill: var(--soft); }
svg .rule { stroke: var(--rule); stroke-width: 1; }
svg .band { fill: var(--band); }
svg .area { fill: var(--area); }
svg .line { fill: none; stroke: var(--blue-3); stroke-width: 1.8; stroke-linejoin: round; }
svg .wanted { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 4 4; }
.b1 { fill: var(--blue-1); background: var(--blue-1); } .b2 { fill: var(--blue-2); background: var(--blue-2); } .b3 { fill: var(--blue-3); background: var(--blue-3); }
.key { display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin: 0 5px 0 14px; vertical-align: -1px; }
code { font: 13px ui-monospace, "SF Mono", Menlo, "DejaVu Sans Mono", monospace; background: var(--band); padding: 2px 6px; border-radius: 5px; overflow-wrap: anywhere; }
pre { margin: 8px 0 0; padding: 10px 12px; background: var(--band); border-radius: 8px; overflow-x: auto; white-space: pre-wrap; font: 13px ui-monospace, Menlo, "DejaVu Sans Mono", monospace; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 3px 18px; margin: 8px 0 0; }
dt { color: var(--soft); } dd { margin: 0; }
.two { display: grid; grid-template-columns: 1fr 1fr; gap: 24px; } @media (max-width: 720px) { .two { grid-template-columns: 1fr; } }
@page { size: A4; margin: 14mm; }
@media print { svg { min-width: 0; } main { padding: 0; max-width: none; } body { font-size: 12px; } th { font-size: 11px; } .tile b { font-size: 18px; } .tile { padding: 8px 10px; } section, .tile, .verdict { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
`;
