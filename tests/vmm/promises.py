#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The numbers that the project promises, measured by counting instructions. Prints TAP.

Two kernels of the same sources run natively under QEMU's -icount, where the time-stamp counter
counts executed instructions: one with call sites, one built with -Dbind=native, which has none. The
guest's `bench` measures loops of N and of 2N and subtracts, so what is left is the op alone. The
first of them runs twice: each figure is to be the same to the last digit.
"""

import argparse
import json
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(Path(__file__).resolve().parent), str(PROJECT / "benchmarks")]

import guest  # noqa: E402
import promised  # noqa: E402
import suite as suites  # noqa: E402
from pvrun import Job, run_jobs  # noqa: E402

KERNEL = "examples/guest-kernel/guest-kernel.elf"

PROMISES = {promise.name: promise for promise in promised.load()}
PATCH_SITES = PROMISES["patching_native"].of["sizes"]
# Instructions in a PV guest of Xen, whose interrupt flag is a byte.
XEN_PV = {op: promised.limit(f"xen_pv_{op}") for op in ("irq_disable", "irq_save", "irq_restore")}


# What is measured twice.
TWICE = "ops+steps+paths+processors+patch"
TWICE_CPUS = 4


class Tap:
    """Checks collected, then printed with their plan first."""

    def __init__(self):
        self.checks = []

    def check(self, good, sentence, *details):
        self.checks.append((good, sentence, details))

    def show(self):
        print(f"TAP version 13\n1..{len(self.checks)}")
        for number, (good, sentence, details) in enumerate(self.checks, 1):
            print(f"{'ok' if good else 'not ok'} {number} - {sentence}")
            for detail in details:
                print(f"# {detail}")
        return 0 if all(good for good, _, _ in self.checks) else 1


def boots(kernel, commands, vmm="native", times=1, cpus=1):
    """Results of as many runs of the same."""
    name = kernel.parent.parent.parent.name + ("-twice" if times > 1 else "")
    jobs = [Job(f"{name}-{number}", vmm, kernel, commands, smp=cpus,
                icount=True, timeout=240, tap=False) for number in range(times)]
    results = run_jobs(jobs)
    for result in results:
        if not result.ok:
            raise RuntimeError(f"{kernel}: {result.reason}")
    return results


def costs(result):
    """{(op, mode, n): instructions for one} of a run."""
    rows = [json.loads(line) for line in result.lines if line.startswith("{")]
    return {(row["op"], row["mode"], row["n"]): row["per_op"]
            for row in rows if row["type"] == "bench"}


def measure(kernel, commands, vmm="native"):
    return costs(boots(kernel, commands, vmm)[0])


def check_the_same(tap, results):
    """Also where several CPUs have a part."""
    suite = suites.load()
    machine = suite.machine("native")
    once, again = ({figure.key: figure.value
                    for figure in guest.figures_of(suite, machine, result, True)}
                   for result in results)
    differ = [f"{' '.join(map(str, key))}: {once.get(key)} and {again.get(key)}"
              for key in sorted({*once, *again}) if once.get(key) != again.get(key)]
    tap.check(len(once) > 200 and not differ,
              f"two runs give {len(once)} figures, each the same to the last digit", *differ[:9])


def check_ops(tap, rows):
    ops = sorted({op for op, mode, _ in rows if mode == "raw"})
    tap.check(len(ops) >= 30, f"all 30 hot ops are measured ({len(ops)} are)")
    for op in ops:
        cost = {mode: value for (name, mode, _), value in rows.items() if name == op}
        tap.check(cost["patched"] == cost["raw"] + promised.limit("patched_over_raw"),
                  f"{op} costs {cost['raw']:g} instructions by hand and "
                  f"{cost['patched']:g} at a patched site",
                  f"unpatched: {cost['unpatched']:g}")


def check_workload(tap, rows, bound):
    key = next(key for key in rows if key[0] == "workload" and key[1] == "patched")
    bound_key = next(key for key in bound if key[0] == "workload")
    patched, native = rows[key], bound[bound_key]
    more = (patched / native - 1) * 100
    most = promised.limit("workload_over_bound")
    tap.check(more <= most,
              f"the workload takes {more:.2f} % more instructions patched than bound to native, "
              f"{most:g} % are allowed",
              f"patched {patched:g}, bound {native:g} instructions a round")


def check_patching(tap, rows, where):
    most = promised.limit(f"patching_{where}")
    linear = promised.limit(f"patching_linear_{where}")
    cost = {n: rows["patch", "patched", n] for n in PATCH_SITES}
    for n, each in cost.items():
        tap.check(each <= most, f"patching {n:,} sites takes {each:g} instructions a site, "
                  f"{most} are allowed")
    spread = (max(cost.values()) / min(cost.values()) - 1) * 100
    tap.check(spread <= linear,
              f"the cost of a site changes by {spread:.2f} % from {PATCH_SITES[0]:,} sites to "
              f"{PATCH_SITES[-1]:,}, {linear:g} % are allowed")


def check_xen_pv(tap, rows):
    """The call and the return of what is not inline are in the figures; of Xen nothing is."""
    for op, most in XEN_PV.items():
        cost = next(value for (name, mode, _), value in rows.items()
                    if name == op and mode == "patched")
        tap.check(cost <= most, f"{op} takes {cost:g} instructions in a PV guest of Xen, "
                  f"{most} are allowed")
    # Xen's own work for each page of text, and its timer, are in these figures.
    check_patching(tap, rows, "xen_pv")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--build", type=Path, default=PROJECT / "build", help="with sites (build)")
    parser.add_argument("--bound", type=Path, default=PROJECT / "build-bound",
                        help="built with -Dbind=native (build-bound)")
    options = parser.parse_args()
    tap = Tap()
    try:
        twice = boots(options.build / KERNEL, f"bench={TWICE} bench json", times=2, cpus=TWICE_CPUS)
        rows = costs(twice[0])
        workload = measure(options.build / KERNEL, "bench bench=workload json")
        bound = measure(options.bound / KERNEL, "bench bench=workload json")
        check_the_same(tap, twice)
        check_ops(tap, rows)
        check_workload(tap, workload, bound)
        check_patching(tap, rows, "native")
        ops = "+".join([*XEN_PV, "patch"])
        check_xen_pv(tap, measure(options.build / KERNEL, f"bench bench={ops} json", "xen-dom0-pv"))
    except (OSError, RuntimeError, KeyError, StopIteration, ValueError) as error:
        print(f"TAP version 13\nBail out! {type(error).__name__}: {error}")
        return 1
    return tap.show()


if __name__ == "__main__":
    sys.exit(main())
