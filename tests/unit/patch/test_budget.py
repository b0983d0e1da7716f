#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What patching costs.

Theory: pv_patch() looks at each record and writes each site once, so its cost is linear in their
number. Instructions are counted by callgrind, inside of pv_patch() alone, for 1,000, 10,000 and
100,000 sites; what 9,000 and 90,000 more sites cost tells the price of one without the fixed part.

usage: test_budget.py PROGRAM
"""
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "benchmarks"))
import promised  # noqa: E402

BUDGET = promised.limit("patching_native")  # instructions a site
TOLERANCE = promised.limit("patching_linear_native") / 100
SKIP = 77


def count(program, sites):
    """Instructions that pv_patch() executes for so many sites."""
    run = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
         "--toggle-collect=pv_patch", program, str(sites)],
        check=True, capture_output=True, text=True)
    return int(re.search(r"Collected : (\d+)", run.stderr)[1])


def main():
    if shutil.which("valgrind") is None:
        return SKIP
    few, more, many = (count(sys.argv[1], sites) for sites in (1000, 10000, 100000))
    first, second = (more - few) / 9000, (many - more) / 90000
    print(f"a site costs {first:.2f} instructions of 10,000 and {second:.2f} of 100,000")
    if max(few / 1000, second) > BUDGET:
        print(f"more than {BUDGET}")
        return 1
    if abs(first / second - 1) > TOLERANCE:
        print("not linear")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
