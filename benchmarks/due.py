# SPDX-License-Identifier: MIT
"""Which figures a boot owes, by the suite: what does not come is a trouble, and never a row less."""

WHOLE = {True: "all", False: "cycles"}


def of_row(row, machine, backend, words, counted=True):
    """(size, mode, scope) of one row on one machine, by one of its backends. `words`: what the kernel
    was asked for."""
    kind = {"op": "ops", "workload": "workload", "path": "paths", "patch": "patch"}.get(row.source)
    if kind not in words or not _is_there(row, machine, backend):
        return []
    scopes = [WHOLE[counted]]
    if row.stepped and (kind == "paths" or (kind == "ops" and "steps" in words)):
        scopes += ["guest", "hypercalls"]
    if row.exits and machine.outside and counted:
        scopes.append("exits")
    return [(size, mode, scope) for size in _sizes(row, words) for mode in _modes(row, machine)
            for scope in scopes if scope != "exits" or mode == "patched"]


def _is_there(row, machine, backend):
    if row.source == "path" and row.name == "boot" and backend != machine.backends[0]:
        return False  # it was by the first one
    return not row.only or f"{machine.name} by {backend}" in row.only


def _sizes(row, words):
    """What needs a processor for each CPU needs none if there is one CPU."""
    return [size for size in row.sizes
            if not row.processors or size == 1 or "processors" in words]


def _modes(row, machine):
    if machine.bind:
        return ["bound"]
    if row.source == "op":
        return ["raw", "unpatched", "patched"] if machine.raw else ["unpatched", "patched"]
    if row.source == "workload":
        return ["unpatched", "patched"]
    return ["unpatched" if row.name == "unpatch" else "patched"]


def keys(suite, machine, words, counted=True):
    """(row, size, backend, mode, scope) of all figures that one machine owes."""
    words = words.split("+")
    backends = machine.backends if "backends" in words else machine.backends[:1]
    return {(row.name, size, backend, mode, scope)
            for backend in backends for row in suite.rows
            for size, mode, scope in of_row(row, machine, backend, words, counted)}


def missing(suite, machine, words, figures, counted=True):
    """Texts, one for each row."""
    found = {(f.row, f.size, f.backend, f.mode, f.scope) for f in figures}
    lost = {}
    for row, size, backend, mode, scope in sorted(keys(suite, machine, words, counted) - found):
        name = f"{row}, {size:,}" if size else row
        lost.setdefault((name, backend), []).append(f"{mode} {scope}")
    return [f"{machine.title}: no figure of {name} by {backend}: {', '.join(what)}"
            for (name, backend), what in lost.items()]
