# SPDX-License-Identifier: MIT
"""Boots the example kernel where the suite says, and turns what it prints into figures."""

import json
import platform
import subprocess

from figures import Figure

from pvrun import Job

SECONDS = 600
CYCLE_RUNS = 7
# Kinds of benchmarks that ask outside for exits, and what they need.
ASKED_OUTSIDE = ("paths", "backends")
EXITS_OF_OPS = "exits"
SEEN_OUTSIDE = ("exits", "host_calls")
NOT_COUNTED = -1
# An exit more or less is the host's own timer, and no cost of the row.
EXITS_DECIMALS = 1


class GuestError(Exception):
    """The kernel did not say what was due; the message says what."""


def jobs(machine, kernel, words, count):
    """The boots of one machine. `count`: instructions are counted; else the TSC is read as it is.

    Where exits are counted too, that is a boot of its own, the second one of the same host: who asks
    waits for answers, and what comes meanwhile would be in the first one's figures."""
    asked = [(f"bench-{machine.name}", words, False)]
    if machine.outside and count:
        kinds = [word for word in words.split("+") if word in ASKED_OUTSIDE]
        kinds = "+".join([EXITS_OF_OPS, *kinds] if "ops" in words.split("+") else kinds)
        asked.append((f"exits-{machine.name}", kinds, True))
    return [Job(name, machine.vmm or machine.name, kernel, f"info bench={kinds} bench json",
                smp=machine.cpus, icount=count, timeout=SECONDS, tap=False, outside=outside)
            for name, kinds, outside in asked]


def figures_of_jobs(suite, machine, results, counted):
    """Of all boots; what the later ones add are exits. Raises GuestError."""
    found = figures_of(suite, machine, results[0], counted)
    for result in results[1:]:
        found += [figure for figure in figures_of(suite, machine, result, counted)
                  if figure.scope in SEEN_OUTSIDE]
    return found


def figures_of(suite, machine, result, counted):
    """Figures of one boot. Raises GuestError."""
    versions = versions_of(machine, result)
    found, backend = [], ""
    for line in result.lines:
        if not line.startswith("{"):
            continue
        try:
            record = json.loads(line)
            if record["type"] == "backend":
                backend = record["backend"]
            else:
                found += _figures(suite, machine.name, backend, record, counted)
        except (ValueError, KeyError, TypeError) as error:
            raise GuestError(f"malformed line ({error!r}): {line[:80]}") from None
    if not found:
        raise GuestError("it printed no figure")
    for figure in found:
        figure.versions = {} if figure.scope in ("guest", "hypercalls", "entries",
                                                 "updates") else versions
    return found


def info_of(result):
    """What the kernel says of itself. Raises GuestError."""
    for line in result.lines:
        if line.startswith('{"type":"info"'):
            try:
                return json.loads(line)
            except ValueError as error:
                raise GuestError(f"malformed line ({error}): {line[:80]}") from None
    raise GuestError("it printed no line of facts")


def _figures(suite, machine, backend, record, counted):
    if record["type"] not in ("bench", "steps", "path", "exits"):
        return []
    name = record["path"] if record["type"] == "path" else record["op"]
    row = suite.row(name)
    if row is None:
        return []
    read = {"bench": _op, "steps": _steps, "path": _path, "exits": _exits}[record["type"]]
    found = [Figure(name, machine, scope, value, backend=backend, **about)
             for scope, value, about in read(row, record)]
    if not counted:
        found = [figure for figure in found if figure.scope in ("all", "guest", "hypercalls")]
        for figure in found:
            figure.scope = "cycles" if figure.scope == "all" else figure.scope
    return found


def _op(row, record):
    if record["per_op"] is None:
        return []
    # Patching is measured for several numbers of sites: n is how many there were.
    size = record["n"] if row.source == "patch" else 0
    if row.source == "workload" and record["ticks"] <= 0:
        return []  # as in _path()
    # Less than a thousandth of an instruction is what is left of a timer, and may be below zero.
    value = round(record["ticks"] / record["n"], 3) + 0.0
    return [("all", value, {"mode": record["mode"], "size": size})]


def _steps(_, record):
    about = {"mode": record["mode"]}
    return [("guest", record["steps"] / record["n"], about),
            ("hypercalls", record["calls"] / record["n"], about)]


def _exits(_, record):
    return [(scope, round(record[scope] / record["n"], EXITS_DECIMALS), {"mode": record["mode"]})
            for scope in SEEN_OUTSIDE]


def _path(row, record):
    """What was not counted is -1."""
    many = record["n"] * row.each
    about = {"size": record["size"]}
    # No work takes less than nothing: what else the machine did was more than the work.
    found = [("all", record["ticks"] / many, about)] if record["ticks"] > 0 else []
    if record["steps"] >= 0:
        found += [("guest", record["steps"] / row.each, about),
                  ("hypercalls", record["step_calls"] / row.each, about)]
    elif record["calls"] or record["entries"] or record["updates"] or record["returns"]:
        found.append(("hypercalls", (record["calls"] + record["returns"]) / many, about))
    if record["entries"] or record["updates"]:
        found += [("entries", record["entries"] / many, about),
                  ("updates", record["updates"] / many, about)]
    for scope in SEEN_OUTSIDE:
        if record[scope] != NOT_COUNTED:
            found.append((scope, round(record[scope] / many, EXITS_DECIMALS), about))
    if record["waits"] != NOT_COUNTED:
        found.append(("waits", record["waits"] / many, about))
    return found


_package_versions = {}


def _package(name):
    if name not in _package_versions:
        words = ["dpkg-query", "-W", "-f", "${Version}", name]
        done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
        _package_versions[name] = done.stdout.strip() or "unknown"
    return _package_versions[name]


def versions_of(machine, result):
    """Of everything below the guest. Natively that is an emulator, which executes what it is given:
    its version is no part of an instruction count."""
    if result.rig == "TCG":
        return {}
    if result.rig == "/dev/kvm":
        return {"qemu": _package("qemu-system-x86"), "host kernel": platform.release()}
    return {"rig": result.rig, **result.versions}
