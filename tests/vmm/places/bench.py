# SPDX-License-Identifier: MIT
"""The library's own instructions and its calls of VMMs, held against a baseline (benchmarks/gate.py)."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "benchmarks"))

import gate  # noqa: E402
import guest  # noqa: E402
import suite as suites  # noqa: E402

from .place import Place  # noqa: E402

SWITCHING, BACKEND = "xen-dom0-pvh", "xen-hvm"
NO_BASELINE = "no baseline for {}: ./bench --renew-baseline writes one"


def strict():
    """Where nothing may be left out, a compiler that nothing is known of is a failure."""
    return os.environ.get("CI", "").lower() == "true"


@dataclass
class Gate(Place):
    suite: object = None
    machine: object = None

    def _baseline(self, result):
        return gate.load().get(guest.info_of(result)["compiler"], {}).get(self.machine.name)

    def skips(self, result):
        try:
            if result.ok and not strict() and self._baseline(result) is None:
                return [NO_BASELINE.format(guest.info_of(result)["compiler"])]
        except guest.GuestError:
            pass
        return []

    def problems(self, result):
        found = super().problems(result)
        if found or result.unavailable:
            return found
        try:
            baseline = self._baseline(result)
            if baseline is None:
                return [NO_BASELINE.format(guest.info_of(result)["compiler"])] if strict() else []
            return gate.problems(baseline, gate.counts(self.suite, self.machine, result),
                                 gate.several(self.suite))
        except guest.GuestError as error:
            return [f"{error} (log: {result.log})"]


@dataclass
class BothBackends(Place):
    """One boot measures by the VMM's backend and, after pv_switch(), by the native one."""

    suite: object = None
    machine: object = None

    def problems(self, result):
        found = super().problems(result)
        if found or result.unavailable:
            return found
        try:
            figures = guest.figures_of(self.suite, self.machine, result, counted=False)
        except guest.GuestError as error:
            return [f"{error} (log: {result.log})"]
        seen = {(figure.backend, figure.mode) for figure in figures if figure.scope == "cycles"}
        wanted = {(backend, mode) for backend in (BACKEND, "native")
                  for mode in ("raw", "unpatched", "patched")}
        return [] if seen == wanted else [f"measured were {sorted(seen)} (log: {result.log})"]


def _both_backends(kernels, suite):
    machine = next(machine for machine in suite.machines if machine.name == SWITCHING)
    job = guest.jobs(machine, kernels.elf("guest"), "irq_save+backends", False)[0]
    return BothBackends(f"costs are measured by both backends in one boot on {machine.title}", job,
                        suite=suite, machine=machine)


def places(kernels):
    suite = suites.load()
    return [_both_backends(kernels, suite)] + [Gate(f"nothing costs more than it did on {machine.title}",
                 gate.job(machine, kernels.elf("guest")), suite=suite, machine=machine)
            for machine in suite.machines]
