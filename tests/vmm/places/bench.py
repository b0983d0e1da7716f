# SPDX-License-Identifier: MIT
"""The library's own instructions and its calls of VMMs, held against a baseline (benchmarks/gate.py)."""

import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "benchmarks"))

import gate  # noqa: E402
import guest  # noqa: E402
import suite as suites  # noqa: E402

from .place import Place  # noqa: E402

NO_BASELINE = "no baseline for {}: ./bench --renew-baseline writes one"


@dataclass
class Gate(Place):
    suite: object = None
    machine: object = None

    def _baseline(self, result):
        return gate.load().get(guest.info_of(result)["compiler"], {}).get(self.machine.name)

    def skips(self, result):
        try:
            if result.ok and self._baseline(result) is None:
                return [NO_BASELINE.format(guest.info_of(result)["compiler"])]
        except guest.GuestError:
            pass
        return []

    def problems(self, result):
        found = super().problems(result)
        if found or result.unavailable:
            return found
        try:
            baseline = self._baseline(result) or {}
            return gate.problems(baseline, gate.counts(self.suite, self.machine, result))
        except guest.GuestError as error:
            return [f"{error} (log: {result.log})"]


def places(kernels):
    suite = suites.load()
    return [Gate(f"nothing costs more than it did on {machine.title}",
                 gate.job(machine, kernels.elf("guest")), suite=suite, machine=machine)
            for machine in suite.machines]
