# SPDX-License-Identifier: MIT
"""Reads what the example kernel says to `info bench json`, and says what is missing or malformed.

One JSON object on each line that begins with "{": one of type "info", and of type "bench" one for
each operation and mode. A workload has no raw form; patching and unpatching are measured for
several numbers of sites, and their cost is that of one site. Where the kernel may not execute the
bare instruction (Xen PV), a raw figure is null. A site that is still a call through the table, or that
has no op behind it, is a problem too.
"""

import json
from dataclasses import dataclass, field

MODES = ("raw", "unpatched", "patched")
PATCHING = {"patch": "patched", "unpatch": "unpatched"}
WORKLOAD = "workload"
# Subtracting two runs may leave a trace below zero; more than that is no measurement.
LEAST_COST = -0.5
INFO_KEYS = ("vmm", "door", "backend", "features", "sites", "clock", "tsc_khz")
SITE_KEYS = ("total", "inlined", "direct", "indirect", "missing")
# Behind a patch no site goes through the table, and every op is there.
NO_SITES = ("indirect", "missing")


@dataclass
class Transcript:
    info: dict = None
    # row's name -> mode -> cost of one operation
    costs: dict = field(default_factory=dict)
    problems: list = field(default_factory=list)


def read(lines):
    transcript = Transcript()
    for line in lines:
        if not line.startswith("{"):
            continue
        try:
            _take(transcript, json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            transcript.problems.append(f"malformed line ({error}): {line[:60]}")
    if transcript.info is None:
        transcript.problems.append("no info line")
    if not transcript.costs:
        transcript.problems.append("no bench lines")
    for name, modes in transcript.costs.items():
        lacking = [mode for mode in modes_due(name) if mode not in modes]
        if lacking:
            transcript.problems.append(f"{name}: no {', '.join(lacking)} figure")
        absurd = [mode for mode, cost in modes.items() if cost is not None and cost < LEAST_COST]
        if absurd:
            transcript.problems.append(f"{name}: {', '.join(absurd)} below zero")
    return transcript


def modes_due(name):
    """The modes in which a row must have a figure."""
    op = name.partition(",")[0]
    if op in PATCHING:
        return (PATCHING[op],)
    return MODES[1:] if op.startswith(WORKLOAD) else MODES


def _take(transcript, record):
    if record["type"] == "info":
        _take_info(transcript, record)
    elif record["type"] == "bench":
        name = record["op"]
        if name in PATCHING:
            name += f", {record['n']:,} sites"
        modes = transcript.costs.setdefault(name, {})
        if record["mode"] not in MODES:
            raise ValueError(f"no mode {record['mode']}")
        if record["mode"] in modes:
            raise ValueError("a second figure")
        impossible = record["per_op"] is None and record["mode"] == "raw"
        modes[record["mode"]] = None if impossible else float(record["per_op"])
    elif record["type"] == "error":
        transcript.problems.append(str(record.get("message", record)))


def _take_info(transcript, record):
    lacking = [key for key in INFO_KEYS if key not in record]
    lacking += [f"sites.{key}" for key in SITE_KEYS if key not in record.get("sites", {})]
    if lacking:
        raise ValueError(f"info lacks {', '.join(lacking)}")
    if transcript.info is not None:
        raise ValueError("a second info line")
    for key in NO_SITES:
        if record["sites"][key] != 0:
            transcript.problems.append(f"{record['sites'][key]} {key} sites")
    transcript.info = record
