# SPDX-License-Identifier: MIT
"""Counts single test cases in what test programs print: cmocka, TAP, Python's unittest.

A test program that reports no cases of its own counts as one case.
"""

import json
import re

from steps import Tally, in_ci

_CMOCKA = re.compile(r"^\[\s*(RUN|OK|FAILED|SKIPPED)\s*\] (.+)$")
_TAP = re.compile(r"^(not )?ok\b\s*\d*\s*(?:-\s*)?([^#]*?)\s*(#\s*(?:skip|todo).*)?$", re.IGNORECASE)
_UNITTEST = re.compile(r"^Ran (\d+) tests? in")
_UNITTEST_BAD = re.compile(r"(failures|errors|skipped|unexpected successes)=(\d+)")


def of_output(name, text):
    """Cases in one test program's output, or None if it shows none."""
    return _cmocka(name, text) or _tap(name, text)


def _cmocka(name, text):
    """cmocka repeats its failures at the end, so each case counts once, with its first ending."""
    endings = {}
    running = None
    for line in text.splitlines():
        found = _CMOCKA.match(line.strip())
        if not found:
            continue
        word, case = found.groups()
        if word == "RUN":
            running = case
        elif case == running:
            endings[case] = word
            running = None
    if running:
        endings[running] = "FAILED"
    if not endings:
        return None
    tally = Tally()
    for case, word in endings.items():
        if word == "OK":
            tally.passed += 1
        elif word == "SKIPPED":
            tally.skip(f"{name}: {case}")
        else:
            tally.fail(f"{name}: {case}")
    return tally


def _tap(name, text):
    if not re.search(r"^1\.\.\d+", text, re.MULTILINE):
        return None
    tally = Tally()
    for line in text.splitlines():
        found = _TAP.match(line)
        if not found:
            continue
        bad, case, directive = found.groups()
        word = (directive or "#").lstrip("# ").split(" ")[0].lower()
        if bad and word != "todo":
            tally.fail(f"{name}: {case}")
        elif word.startswith("skip"):
            tally.skip(f"{name}: {case} ({directive.lstrip('# ')})")
        else:
            tally.passed += 1
    return tally if tally.passed + tally.failed + tally.skipped else None


def of_meson(log_path):
    """Cases in a meson testlog.json, which holds one JSON object a line for each test."""
    total = Tally()
    for line in log_path.read_text().splitlines():
        test = json.loads(line)
        name, result = test["name"], test["result"]
        tally = of_output(name, test.get("stdout", "") + "\n" + test.get("stderr", ""))
        bad = result not in ("OK", "EXPECTEDFAIL", "SKIP")
        if tally is None:
            tally = Tally()
            if result == "SKIP" and in_ci():
                tally.fail(f"{name}: skipped as a whole, so a tool is missing")
            elif result == "SKIP":
                tally.skip(name)
            elif not bad:
                tally.passed = 1
        if bad and not tally.failed:
            tally.fail(f"{name}: {result.lower()}")
        total.add(tally)
    return total


def of_unittest(name, lines, status):
    """Cases in the closing lines of `python3 -m unittest`."""
    tally = Tally()
    ran = next((int(m.group(1)) for m in map(_UNITTEST.match, lines) if m), 0)
    counts = {}
    for line in lines[-3:]:
        counts.update({word: int(count) for word, count in _UNITTEST_BAD.findall(line)})
    bad = [line for line in lines if line.startswith(("FAIL: ", "ERROR: "))]
    for line in bad:
        tally.fail(f"{name}: {line.partition(': ')[2]}")
    for _ in range(counts.get("skipped", 0)):
        tally.skip(f"{name}: a skipped test")
    if status != 0 and not bad:
        tally.fail(f"{name}: ended without its closing lines")
    if ran == 0 and not tally.failed:
        tally.fail(f"{name}: no test was run")
    # Sub-tests may fail several times within one test.
    tally.passed = max(0, ran - len({line.split(" [")[0] for line in bad}) - tally.skipped)
    return tally
