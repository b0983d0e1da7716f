# SPDX-License-Identifier: MIT
"""Charts as SVG text: horizontal bars in groups, and lines. Colours are classes of the page's style
sheet (s0, s1, ...), the same for a series in every chart. Values stand beside their marks."""

import math
from html import escape

WIDTH = 860
LABEL = 330
VALUE = 76
BAR = 13
GAP = 2
GROUP_GAP = 10
CHAR = 6.6  # a character's width in the labels' type
LINES_HEIGHT = 250
MARGIN = 90
WIDE = 50  # sizes further apart than that are on a logarithmic axis


def number(value):
    if value is None:
        return "-"
    if value >= 1000 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:,.1f}" if value >= 10 else f"{value:,.2f}"


def _text(x, y, text, kind="", anchor="start"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">'
            f"{escape(text)}</text>")


def _scale(most, logarithmic, room):
    """Value -> length. Logarithmic scales begin at 1, and nothing is shorter than a hair."""
    def length(value):
        if value <= 0 or most <= 0:
            return 0.0
        if logarithmic:
            return max(1.5, room * math.log10(1 + value) / math.log10(1 + most))
        return max(1.5, room * value / most)
    return length


def _wrapped(label, width):
    lines = [""]
    for word in label.split():
        if lines[-1] and (len(lines[-1]) + 1 + len(word)) * CHAR > width:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + word
    return lines


def bars(rows, series, title, logarithmic=False):
    """`rows`: (label, {series name: value}); `series`: names in the order of their colours."""
    values = [v for _, of in rows for v in of.values() if v is not None]
    length = _scale(max(values, default=0), logarithmic, WIDTH - LABEL - VALUE)
    out, y = [], 4
    for label, of in rows:
        present = [name for name in series if of.get(name) is not None]
        lines = _wrapped(label, LABEL - 16)
        height = max(len(present) * (BAR + GAP), len(lines) * 15)
        for i, line in enumerate(lines):
            out.append(_text(LABEL - 10, y + 11 + i * 15, line, "label", "end"))
        for i, name in enumerate(present):
            top = y + i * (BAR + GAP)
            out.append(f'<g><title>{escape(f"{label}: {name}: {number(of[name])}")}</title>'
                       f'<rect class="s{series.index(name)}" x="{LABEL}" y="{top}" '
                       f'width="{length(of[name]):.1f}" height="{BAR}" rx="2"/>'
                       + _text(LABEL + length(of[name]) + 5, top + 11, number(of[name]), "value")
                       + "</g>")
        y += height + GROUP_GAP
    return _svg(y, title, out)


def lines(points, series, title, x_title):
    """`points`: series name -> [(x, y)]. The upright axis begins at zero."""
    every = [point for of in points.values() for point in of]
    most_x = max((x for x, _ in every), default=1) or 1
    most_y = max((y for _, y in every), default=1) or 1
    least_x = min((x for x, _ in every), default=1) or 1
    right, bottom = WIDTH - 170, LINES_HEIGHT - 34
    far = most_x / least_x > WIDE

    def place(x, y):
        part = math.log(x / least_x) / math.log(most_x / least_x) if far else x / most_x
        begin = MARGIN + (20 if far else 0)
        return (begin + (right - begin) * part, bottom - (bottom - 14) * y / most_y)

    out = [f'<line class="axis" x1="{MARGIN}" y1="{bottom}" x2="{right}" y2="{bottom}"/>']
    for x in sorted({x for x, _ in every}):
        out.append(_text(place(x, 0)[0], bottom + 16, number(x), "value", "middle"))
    for part in (0.5, 1.0):
        y = place(least_x, most_y * part)[1]
        out.append(f'<line class="grid" x1="{MARGIN}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>')
        out.append(_text(MARGIN - 6, y + 4, number(most_y * part), "value", "end"))
    out.append(_text((MARGIN + right) / 2, LINES_HEIGHT - 3, x_title, "value", "middle"))
    ends = []
    for name in (name for name in series if points.get(name)):
        of = sorted(points[name])
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in of))
        colour = series.index(name)
        out.append(f'<polyline class="l{colour}" points="{path}"/>')
        for point in of:
            x, y = place(*point)
            out.append(f'<circle class="s{colour}" cx="{x:.1f}" cy="{y:.1f}" r="4"><title>'
                       f"{escape(f'{name}, {number(point[0])} {x_title}: {number(point[1])}')}"
                       "</title></circle>")
        ends.append((place(*of[-1])[1], name, of[-1][1]))
    for y, name, value in _apart(ends):
        out.append(_text(right + 8, y + 4, f"{name}: {number(value)}", "label"))
    return _svg(LINES_HEIGHT, title, out)


def _apart(ends):
    """Labels at the ends of lines, moved so that none covers another."""
    placed = []
    for y, name, value in sorted(ends):
        if placed and y - placed[-1][0] < 15:
            y = placed[-1][0] + 15
        placed.append((y, name, value))
    over = max((y for y, *_ in placed), default=0) - (LINES_HEIGHT - 8)
    return [(y - max(0, over), name, value) for y, name, value in placed]


def _svg(height, title, parts):
    return (f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">'
            + "".join(parts) + "</svg>")
