# SPDX-License-Identifier: MIT
"""The figures as a table for the terminal: what a row costs as the kernel runs it, patched."""

import table
from svg import number
from view import ON_HOST, View

SHOWN = [("guest", "own"), ("hypercalls", "calls"), ("exits", "exits"), ("waits", "waits")]


def markdown(rows, _):
    """Rows as table.render() takes them, for a page of docs/."""
    columns = len(rows[0])
    lines = []
    for row in rows:
        cells = ["---"] * columns if row is None else row + [""] * (columns - len(row))
        if row is not None and not any(row[1:]) and row is not rows[0]:
            cells = [f"**{row[0].lower()}**", *cells[1:]]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def text(suite, about, figures, width, findings=(), render=table.render):
    view = View(suite, figures)
    unit = about["unit"]
    whole = "all" if unit == "instructions" else "cycles"
    rows = [["", *view.places], None]
    for group in suite.groups():
        lines = _lines(view, group, whole)
        if lines:
            rows += [[group.upper(), *[""] * len(view.places)], *lines]
    out = [f"{unit}; less is better. In brackets: the kernel's own instructions, calls of the VMM, "
           "exits to it, waits of CPUs for each other. ~: not the same in every run.", render(rows, width)] if len(rows) > 2 else []
    host = view.host(whole, view.text)
    if host:
        rows = [["this machine, without a VMM", "library", "limit"], None]
        rows += [[label, of["library"], of["limit"]] for label, of in host]
        out += ["", render(rows, width)]
    peers = view.peers()
    if peers:
        rows = [["beside Linux, all instructions", "pvops", "Linux"], None]
        rows += [[label, number(of["pvops"]), number(of["Linux"])] for label, of in peers]
        out += ["", render(rows, width)]
    if any(finding.value is not None for finding in findings):
        out += ["", render(_promised(findings), width)]
    return "\n".join(out)


def _promised(findings):
    rows = [["what is promised", "limit", "measured", ""], None]
    for finding in findings:
        if finding.value is not None:
            about = "~" if finding.promise.noisy else ""
            rows.append([finding.promise.says, f"{finding.promise.most:g} {finding.promise.unit}",
                         about + number(finding.value), finding.word])
    others = len(findings) - len(rows) + 2
    return rows + ([[f"and {others} that this run has not measured"]] if others else [])


def _lines(view, group, whole):
    lines = []
    for row in view.suite.rows:
        if row.group != group or row.source in ON_HOST:
            continue
        mode = "unpatched" if row.name == "unpatch" else "patched"
        for size in view.sizes(row):
            cells = [_cell(view, row, size, place, mode, whole) for place in view.places]
            if any(cell != "-" for cell in cells):
                lines.append([view.label(row, size), *cells])
    return lines


def _cell(view, row, size, place, mode, whole):
    if view.value(row.name, size, place, mode, whole) is None:
        return "-"
    inside = []
    for scope, name in SHOWN:
        more = view.value(row.name, size, place, mode, scope)
        if more is not None and (more or scope == "guest"):
            inside.append(f"{view.text(row.name, size, place, mode, scope)} {name}")
    return view.text(row.name, size, place, mode, whole) + (f" ({', '.join(inside)})" if inside else "")
