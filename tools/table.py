# SPDX-License-Identifier: MIT
"""A plain-text table that fits the terminal: cells wrap, and no cell is ever cut off."""

import textwrap

GAP = "  "
LEAST_COLUMN = 18


def render(rows, width):
    """`rows` are lists of cells, the first being the row's label; None draws a rule."""
    cells = [row for row in rows if row]
    label = max(len(row[0]) for row in cells)
    columns = max(len(row) for row in cells) - 1
    natural = [max(len(row[i + 1]) for row in cells if len(row) > i + 1) for i in range(columns)]
    widths = [label, *_fit(natural, width - label - len(GAP) * columns)]
    lines = []
    for row in rows:
        if row is None:
            lines.append("-" * (sum(widths) + len(GAP) * columns))
        else:
            lines += _row(row, widths)
    return "\n".join(lines)


def _fit(natural, room):
    """Column widths: the natural ones if they fit, else equal shares, unused room passed on."""
    widths = [0] * len(natural)
    order = sorted(range(len(natural)), key=lambda i: natural[i])
    for place, i in enumerate(order):
        share = room // (len(order) - place)
        widths[i] = min(natural[i], max(share, LEAST_COLUMN))
        room -= widths[i]
    return widths


def _row(row, widths):
    wrapped = [textwrap.wrap(cell, width, break_on_hyphens=False) or [""]
               for cell, width in zip(row, widths)]
    height = max(len(cell) for cell in wrapped)
    lines = []
    for i in range(height):
        parts = [(cell[i] if i < len(cell) else "").ljust(width)
                 for cell, width in zip(wrapped, widths)]
        lines.append(GAP.join(parts).rstrip())
    return lines
