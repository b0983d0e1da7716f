# SPDX-License-Identifier: MIT
"""One page of HTML with everything in it: charts for the eye, the table for the rest."""

from html import escape

import svg
from view import View

STYLE = """
:root { color-scheme: light dark; --page: #fcfcfb; --ink: #1c1c1a; --soft: #63625e; --line: #dddcd8;
  --c0: #2a78d6; --c1: #1baf7a; --c2: #c98500; --c3: #4a3aa7; --c4: #d55181; --c5: #e34948;
  --c6: #007a6e; --c7: #8a5a00; }
@media (prefers-color-scheme: dark) { :root { --page: #1a1a19; --ink: #f2f1ed; --soft: #a9a8a2;
  --line: #3a3a37; --c0: #3987e5; --c1: #199e70; --c2: #c98500; --c3: #9085e9; --c4: #d55181;
  --c5: #e66767; --c6: #2ba99b; --c7: #b98a3a; } }
body { background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif;
  max-width: 900px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.2rem; margin-top: 2.6rem; }
h3 { font-size: 1rem; margin: 1.6rem 0 .3rem; }
p, li { max-width: 46rem; } .soft { color: var(--soft); }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; }
text { fill: var(--ink); } text.value { fill: var(--soft); font-variant-numeric: tabular-nums; }
.axis { stroke: var(--soft); } .grid { stroke: var(--line); }
polyline { fill: none; stroke-width: 2; }
.key { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; margin: .3rem 0 .6rem; }
.key i { display: inline-block; width: .8rem; height: .8rem; border-radius: 2px; margin-right: .4rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; } th:first-child, td:first-child { text-align: left; white-space: normal;
  min-width: 16rem; } th { position: sticky; top: 0; background: var(--page); vertical-align: bottom; }
.group td { font-weight: 600; padding-top: 1rem; } .broken { color: var(--c5); font-weight: 600; }
.promised td:first-child { min-width: 24rem; } .promised td:nth-child(2) { text-align: left; }
.met td:last-child { color: var(--c1); } tr.soft td { color: var(--soft); }
""" + "".join(f".s{i} {{ fill: var(--c{i}); }} .l{i} {{ stroke: var(--c{i}); }} "
              f".key .k{i} {{ background: var(--c{i}); }}\n" for i in range(8))

MODES = ("raw", "unpatched", "patched")
SHORTER = ("Shorter is better; the scale is logarithmic: a bar of twice the length is far more than twice "
           "the cost.")


def page(suite, about, figures, findings=()):
    view = View(suite, figures)
    unit = about["unit"]
    parts = [_head(about, unit), _promised(findings), _side_by_side(view, unit)]
    if unit == "instructions":
        parts += [_modes(view), _asked(view)]
    parts += [_scaling(view, unit), _host(view, unit), _linux(view), _table(view)]
    return (f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width">'
            f"<title>pvops benchmarks: {escape(unit)}</title><style>{STYLE}</style></head><body>\n"
            + "\n".join(part for part in parts if part) + "\n</body></html>\n")


def _head(about, unit):
    said = [f"<h1>pvops benchmarks</h1><p><b>Costs in {escape(unit)}. Shorter bars and lower lines "
            "are better, in every chart.</b></p>"]
    if unit == "instructions":
        said.append("<p>Instructions do not depend on the machine that counts them, and are the same "
                    "in each run. They are not time: an exit to a hypervisor costs a processor more "
                    "than its instructions say. What may differ between runs has ~ before it: what the "
                    "host counts (exits), what a clock measures, and Linux beside another Linux on "
                    "Xen.</p>")
    else:
        said.append("<p>Each figure is the median of several runs after one for warm-up. ± says how "
                    "far from it the middle half of the runs lay.</p>")
    facts = "; ".join(f"{name} {value}" for name, value in about.get("facts", {}).items())
    said.append(f'<p class="soft">{escape(about.get("date", ""))}. {escape(facts)}</p>')
    for line in about.get("left_out", []):
        said.append(f"<p><b>Left out:</b> {escape(line)}</p>")
    for line in about.get("notes", []):
        said.append(f"<p>Note: {escape(line)}</p>")
    return "".join(said)


def _key(series):
    return ('<div class="key">' + "".join(f'<span><i class="k{i}"></i>{escape(name)}</span>'
                                          for i, name in enumerate(series)) + "</div>")


def _chart(heading, words, body, series):
    return f"<h3>{escape(heading)}</h3><p class=soft>{escape(words)}</p>{_key(series)}{body}"


def _side_by_side(view, unit):
    out = ["<h2>Backends side by side</h2>"]
    scopes = [("guest", "the kernel's own instructions", "What the library itself costs. The "
               "hypervisor's work is not in it. " + SHORTER),
              ("all", "all instructions", "Of the kernel and of every hypervisor below it. " + SHORTER)]
    if unit != "instructions":
        scopes = [("cycles", "TSC cycles", "The median of several runs. " + SHORTER)]
    for scope, what, words in scopes:
        for group in view.suite.groups():
            rows = view.rows(group, scope, lambda place, mode, scope=scope: mode == "patched")
            if rows:
                title = f"{group[0].upper()}{group[1:]}: {what}, fewer are better"
                out.append(_chart(title, words, svg.bars(rows, view.places, title, True),
                                  view.places))
    return "".join(out)


def _modes(view):
    out = ["<h2>Raw, unpatched, patched</h2><p>Raw: the instruction written by hand, without any "
           "layer. Unpatched: an indirect call through the ops table. Patched: the call site as it is "
           "after boot. The nearer to raw, the better. In a PV guest of Xen the raw instruction may "
           "not be executed.</p>"]
    for place in view.places:
        rows = view.modes(place)
        if rows:
            title = f"{place}: the kernel's own instructions, fewer are better"
            out.append(f"<h3>{escape(title)}</h3>{_key(MODES)}{svg.bars(rows, MODES, title, True)}")
    return "".join(out)


def _asked(view):
    out = []
    for scope, words in (("hypercalls", "Calls that the kernel makes of the VMM"),
                         ("exits", "Times that the processor leaves the guest, counted by the host")):
        rows = [row for group in view.suite.groups()
                for row in view.rows(group, scope, lambda place, mode: mode == "patched")
                if any(row[1].values())]
        if rows:
            words += ", fewer are better"
            out.append(_chart(words, "What needs none anywhere is not shown.",
                              svg.bars(rows, view.places, words), view.places))
    return "<h2>What is asked of the VMM</h2>" + "".join(out) if out else ""


def _scaling(view, unit):
    out = []
    scope = "all" if unit == "instructions" else "cycles"
    for row in (row for row in view.suite.rows if row.per):
        points = view.scaling(row, scope)
        if points:
            title = f"{row.title}: {unit} by the number of {row.per}, lower is better"
            out.append(_chart(title, "Of the kernel and of every hypervisor below it.",
                              svg.lines(points, view.places, title, row.per),
                              view.places))
    return "<h2>Scaling</h2>" + "".join(out) if out else ""


def _host(view, unit):
    rows = view.host("all" if unit == "instructions" else "cycles")
    if not rows:
        return ""
    title = f"The library and the least that its work can cost, in {unit}: fewer are better"
    series = ("library", "limit")
    return ("<h2>On this machine, without a VMM</h2>"
            + _chart(title, "The nearer to the limit, the better.", svg.bars(rows, series, title),
                     series))


def _linux(view):
    rows = view.peers()
    if not rows:
        return ""
    title = "The same work by pvops and by Linux, all instructions, fewer are better"
    series = ("pvops", "Linux")
    return ("<h2>Beside Linux</h2><p>Linux from Debian's package as the guest in the same rigs. It "
            "does more at each of these than a small kernel; docs/benchmarks.md says what can be "
            "compared.</p>" + _chart(title, "Shorter is better; the scale is logarithmic.",
                                     svg.bars(rows, series, title, True), series))


def _promised(findings):
    if not any(finding.value is not None for finding in findings):
        return ""
    lines = []
    for finding in findings:
        promise, kind = finding.promise, {True: "met", False: "broken", None: "soft"}[finding.kept]
        cells = [f"{promise.says}{f' ({finding.where})' if finding.where else ''}", promise.unit,
                 f"{promise.most:g}",
                 ("~ " if promise.noisy and finding.value is not None else "")
                 + svg.number(finding.value), finding.word]
        lines.append(f"<tr class={kind}>"
                     + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    return ("<h2>What is promised</h2><p>The project promises these numbers: each is at most its limit. "
            "Met: this run has measured so much, and no more than the limit.</p>"
            "<div class=scroll><table class=promised><thead><tr><th>Promise</th><th>in</th>"
            "<th>at most</th><th>measured</th><th></th></tr></thead><tbody>"
            + "".join(lines) + "</tbody></table></div>")


def _table(view):
    head, rows = view.table()
    out = ["<h2>All figures</h2><div class=scroll><table><thead><tr>"
           + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr></thead><tbody>"]
    for group, cells in rows:
        if group:
            out.append(f'<tr class="group"><td colspan="{len(head)}">{escape(group)}</td></tr>')
        else:
            out.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    return "".join(out) + "</tbody></table></div>"
