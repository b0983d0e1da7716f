# SPDX-License-Identifier: MIT
"""Figures arranged for people: by row and by place, which is a machine and a backend."""

from svg import number

HOST = "host"
# Rows that are of no machine of the suite, but of programs on this one.
ON_HOST = (HOST, "program")


class View:
    def __init__(self, suite, figures):
        self.suite = suite
        self._titles = {machine.name: machine.title for machine in suite.everywhere}
        self._ours = [figure for figure in figures if figure.guest == "pvops"]
        self._peers = [figure for figure in figures if figure.guest != "pvops"]
        self._first = {}
        for figure in self._ours:
            self._first.setdefault(figure.machine, figure.backend)
        # The order of the suite, not of the results: a place keeps its colour.
        self.places = self._places_of(suite.machines)
        self.references = self._places_of(suite.references)
        self._by = {}
        for figure in self._ours:
            self._by[figure.row, figure.size, self.place(figure), figure.mode,
                     figure.scope] = figure

    def _places_of(self, machines):
        return list(dict.fromkeys(self.place(figure) for machine in machines
                                  for figure in self._ours if figure.machine == machine.name))

    def place(self, figure):
        title = self._titles.get(figure.machine, figure.machine)
        if figure.backend == self._first.get(figure.machine):
            return title
        return f"{title} by {figure.backend}"

    def value(self, row, size, place, mode, scope):
        figure = self._by.get((row, size, place, mode, scope))
        return figure.value if figure else None

    def text(self, *key):
        """A value for people: ~ if two runs may differ, and how far several of them lay apart."""
        figure = self._by.get(key)
        if figure is None:
            return "-"
        apart = f" ±{figure.spread / 2:.0%}" if figure.spread else ""
        return f"{'' if figure.exact else '~'}{number(figure.value)}{apart}"

    def sizes(self, row):
        return sorted({figure.size for figure in self._ours if figure.row == row.name}) or [0]

    def label(self, row, size):
        return f"{row.title}, {size:,} {row.per}" if row.per and size else row.title

    def rows(self, group, scope, wanted, mode="patched"):
        """(label, {place: value}) of one group, for svg.bars()."""
        out = []
        for row in self.suite.rows:
            if row.group != group or row.source in ON_HOST:
                continue
            for size in self.sizes(row):
                of = {place: self.value(row.name, size, place, mode, scope)
                      for place in self.places if wanted(place, mode)}
                if any(value is not None for value in of.values()):
                    out.append((self.label(row, size), of))
        return out

    def modes(self, place):
        out = []
        for row in (row for row in self.suite.rows if row.source == "op"):
            of = {mode: self.value(row.name, 0, place, mode, "guest")
                  for mode in ("raw", "unpatched", "patched")}
            if of["patched"] is not None:
                out.append((row.title, of))
        return out

    def scaling(self, row, scope):
        points = {}
        for figure in self._ours:
            if figure.row == row.name and figure.scope == scope and figure.size and \
                    figure.mode in ("patched", "unpatched" if row.name == "unpatch" else "patched"):
                points.setdefault(self.place(figure), []).append((figure.size, figure.value))
        return {place: of for place, of in points.items() if len(of) > 1}

    def host(self, scope, of=None):
        """(label, {"library": value, "limit": value}); `of`: what is said of a figure's key."""
        names = {figure.row for figure in self._ours
                 if figure.machine == HOST and figure.scope == scope}
        of = of or self.value
        return [(row.title, {"library": of(row.name, 0, HOST, "-", scope),
                             "limit": of(f"{row.name}_limit", 0, HOST, "-", scope)})
                for row in self.suite.rows if {row.name, f"{row.name}_limit"} <= names]

    def peers(self):
        """(label, {"pvops": value, "Linux": value}) where both have done the same work."""
        out = []
        for figure in self._peers:
            row = next((row for row in self.suite.rows if row.peer == figure.row), None)
            # A domU of Linux stands beside our dom0 of the same kind: the hypervisor is the same.
            ours = row and next((ours for ours in self._ours if ours.row == row.name
                                 and ours.machine == figure.machine.replace("domu", "dom0")
                                 and ours.scope == figure.scope and ours.mode == "patched"
                                 and ours.size in (0, figure.size)
                                 and ours.backend == self._first[ours.machine]), None)
            if ours:
                title = self._titles.get(ours.machine, ours.machine)
                words = f" ({figure.mode})" if figure.mode != "linux" else ""
                out.append((f"{title}: {self.label(row, figure.size)}{words}",
                            {"pvops": ours.value, "Linux": figure.value}))
        return out

    def table(self):
        """(head, rows); a row is (group, []) or ("", cells)."""
        places = [*self.places, *self.references]
        if any(figure.machine == HOST for figure in self._ours):
            places.append(HOST)
        head = ["", "mode", "counts", *places]
        rows = []
        for group in self.suite.groups():
            lines = [line for row in self.suite.rows if row.group == group
                     for line in self._lines(row, places)]
            if lines:
                rows += [(group, []), *(("", line) for line in lines)]
        for figure in self._peers:
            rows.append(("", [f"Linux: {figure.row}", figure.mode, figure.scope,
                              f"{figure.machine}: {'' if figure.exact else '~'}"
                              f"{number(figure.value)}"]))
        return head, rows

    def _lines(self, row, places):
        keys = list(dict.fromkeys((figure.size, figure.mode, figure.scope)
                                  for figure in self._ours if figure.row == row.name))
        for size, mode, scope in keys:
            yield [self.label(row, size), mode, scope,
                   *(self.text(row.name, size, place, mode, scope) for place in places)]
