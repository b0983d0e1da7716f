# SPDX-License-Identifier: MIT
"""./bench: what the library costs on every VMM, counted; see HELP."""

import argparse
import datetime
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent
sys.path[:0] = [str(PROJECT / "tools"), str(PROJECT / "tests/vmm")]

import compare  # noqa: E402
import due  # noqa: E402
import figures as kept  # noqa: E402
import gate  # noqa: E402
import guest  # noqa: E402
import host  # noqa: E402
import promised  # noqa: E402
import report  # noqa: E402
import show  # noqa: E402
import suite as suites  # noqa: E402
from linux import peer  # noqa: E402
from steps import (Log, missing_tools, noted_seconds, outcome, say, set_up,  # noqa: E402
                   width)

from debian.store import RigError, RigUnavailable  # noqa: E402
from pvrun import probe, run_jobs  # noqa: E402

BUILD = PROJECT / "build"
KERNEL = "examples/guest-kernel/guest-kernel.elf"
TOOLS = ("meson", "ninja", "gcc", "qemu-system-x86_64")
# The folder of kernels without call sites, which ./check uses too.
BOUND = "bound"
LANES = 2
NOISY = 0.10
EPILOG = """\
Builds the project, boots the example kernel on each VMM, and prints a table; the figures are written
as JSON lines, and as one HTML page with charts, to build/bench/.

instructions: counted, and the same in every run: the guest's own one by one, and those of guest and
hypervisors together by QEMU's -icount. cycles: by the TSC, for real hardware; the median of several
runs is shown, and a machine too noisy to tell is called so. The suite is benchmarks/suite.toml;
docs/benchmarks.md says what each figure includes. Exit status: 0 if everything due was measured and
no promise is broken.
"""


def arguments():
    parser = argparse.ArgumentParser(prog="./bench", description="Measures what the library costs.",
                                     epilog=EPILOG,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", action="store_true", help="TSC cycles, not instructions")
    parser.add_argument("--quick", action="store_true", help="the shorter list, under two minutes")
    parser.add_argument("--only", metavar="MACHINE", help="of the suite's machines, joined by commas")
    parser.add_argument("--no-linux", action="store_true", help="without the peer")
    parser.add_argument("--compare", metavar="OLD.json", type=Path,
                        help="say what became better or worse since that run")
    parser.add_argument("--show", metavar="OLD.json", type=Path,
                        help="nothing is measured: that run's table, in Markdown")
    parser.add_argument("--out", type=Path, default=BUILD / "bench", help="folder (build/bench)")
    parser.add_argument("--renew-baseline", action="store_true",
                        help="what ./check holds against: written anew from this machine's compiler")
    return parser.parse_args()


def build():
    """Empty, or what went wrong."""
    missing = missing_tools(TOOLS)
    if missing:
        return f"missing: {', '.join(missing)} (tools/deps bench)"
    say("building")
    return built("build")


def built(folder, *options):
    """The same of one build folder."""
    with Log(BUILD / f"logs/bench-{folder}.log") as log:
        trouble = set_up(log, folder, options)
        if not trouble:
            status, _ = log.run(["meson", "compile", "-C", folder], 600)
            trouble = "" if status == 0 else f"the build failed: {outcome(status, 600)}"
        return trouble and f"{trouble} (log: {log.path.relative_to(PROJECT)})"


def kernel_of(machine):
    return PROJECT / (f"build-{BOUND}" if machine.bind else "build") / KERNEL


class Run:
    """One call of ./bench."""

    def __init__(self, suite, options):
        self.suite = suite
        self.options = options
        self.figures = []
        self.troubles = []
        self.left_out = []
        self.notes = []
        self.facts = {}

    @property
    def count(self):
        return not self.options.cycles

    def machines(self):
        wanted = self.options.only.split(",") if self.options.only else None
        for name in wanted or []:
            if name not in [machine.name for machine in self.suite.everywhere]:
                raise suites.SuiteError(f"no machine {name}; there are: "
                                        + ", ".join(m.name for m in self.suite.everywhere))
        return [machine for machine in self.suite.everywhere
                if (wanted is None or machine.name in wanted)
                and (machine.quick or not self.options.quick)]

    def measure_host(self):
        for measure in (lambda: host.figures(self.suite, BUILD, self.count),
                        lambda: host.printed(self.suite, BUILD)):
            try:
                self.figures += measure()
            except host.HostError as error:
                self.troubles.append(str(error))

    def measure_guests(self):
        machines = self.machines()
        if not self.count:
            machines = self._with_a_clock(machines)
        machines = self._with_kernels(machines)
        runs = 1 if self.count else guest.CYCLE_RUNS
        say(f"booting {', '.join(machine.title for machine in machines)}")
        # The longest first; what is counted is the same however busy the machine is, cycles are not.
        order = sorted(machines, key=lambda machine: not machine.outside)
        with ThreadPoolExecutor(LANES if self.count else 1) as pool:
            for found in pool.map(lambda machine: self._measure(machine, runs), order):
                self.figures += found

    def _with_kernels(self, machines):
        """The kernel without sites is built only for who is compared with it."""
        for machine in [machine for machine in machines if machine.bind]:
            trouble = built(f"build-{BOUND}", f"-Dbind={machine.bind}", "-Dtests=false")
            if trouble:
                self.troubles.append(f"{machine.title}: {trouble}")
                machines = [other for other in machines if other is not machine]
        return machines

    def _with_a_clock(self, machines):
        """Emulators have no cycles of their own: only what runs on the processor itself."""
        finding = probe.kvm(BUILD)
        if finding.sound:
            kept_machines = [machine for machine in machines if machine.name == "kvm"]
            self.left_out.append("native and Xen: emulated here, and an emulator's cycles say nothing")
            return kept_machines
        self.left_out.append(f"all VMMs: {finding.why}, and an emulator's cycles say nothing")
        return []

    def _measure(self, machine, runs):
        words = machine.quick if self.options.quick else machine.full
        boots = []
        for _ in range(runs):
            jobs = guest.jobs(machine, kernel_of(machine), words, self.count)
            results = run_jobs(jobs, on_progress=lambda text: say(f"  {text}"),
                               logs=f"logs/bench-{machine.name}")
            if not self._whole(machine, results):
                return []
            try:
                boots.append(guest.figures_of_jobs(self.suite, machine, results, self.count))
                self.facts["compiler"] = guest.info_of(results[0])["compiler"]
                self.troubles += [f"{text} (log: {results[0].log})" for text
                                  in due.missing(self.suite, machine, words, boots[-1], self.count)]
            except guest.GuestError as error:
                self.troubles.append(f"{machine.title}: {error} (log: {results[0].log})")
                return []
            self.facts.update(results[0].versions)
        return boots[0] if runs == 1 else _middles(boots)

    def _whole(self, machine, results):
        """Notes what did not boot."""
        for result in results:
            if result.unavailable:
                self.left_out.append(f"{machine.title}: {result.reason}")
                return False
            if not result.ok:
                self.troubles.append(f"{machine.title}: {result.reason} (log: {result.log})")
                return False
        return True

    def measure_linux(self):
        try:
            found, troubles, notes = peer.figures(lambda text: say(f"  {text}"))
        except RigUnavailable as error:
            self.left_out.append(f"Linux: {error}")
        except RigError as error:
            self.troubles.append(f"Linux: {error}")
        else:
            self.figures += found
            self.troubles += troubles
            self.notes += [f"Linux: {note}" for note in notes]

    def about(self):
        return {"unit": "instructions" if self.count else "cycles",
                "date": datetime.date.today().isoformat(), "quick": self.options.quick,
                "facts": self.facts, "left_out": self.left_out,
                "notes": [text for text in [noise(self.figures), *self.notes] if text]}


def _middles(boots):
    """Of several boots, each figure's median and spread. The first is warm-up."""
    by_key = {}
    for figure in (figure for boot in boots[1:] for figure in boot):
        by_key.setdefault(figure.key, []).append(figure)
    for some in by_key.values():
        values = sorted(figure.value for figure in some)
        figure = some[0]
        figure.value = statistics.median(values)
        apart = values[-1 - len(values) // 4] - values[len(values) // 4]
        figure.spread = apart / abs(figure.value) if figure.value else 0.0
    return [some[0] for some in by_key.values()]


def noise(figures):
    noisy = [f for f in figures if f.scope == "cycles" and f.spread > NOISY]
    if not noisy:
        return ""
    return (f"this machine is too noisy to tell: {len(noisy)} figures are spread over more than "
            f"{NOISY:.0%}, {noisy[0].row} over {noisy[0].spread:.0%}")


def main():
    options = arguments()
    begun = time.monotonic()
    try:
        suite = suites.load()
        promises = promised.load()
        promised.check_against(promises, suite)
        run = Run(suite, options)
        run.machines()
        old = kept.read(options.compare)[1] if options.compare else None
        if options.show:
            return shown_again(suite, promises, options.show)
    except (suites.SuiteError, promised.PromiseError, kept.FiguresError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    trouble = build()
    if trouble:
        print(f"bench: {trouble}", file=sys.stderr)
        return 1
    if options.renew_baseline:
        return gate.renew(suite, BUILD / KERNEL, say)
    run.measure_guests()
    if not options.only:
        run.measure_host()
        if run.count and not options.quick and not options.no_linux:
            run.measure_linux()
    seconds = time.monotonic() - begun
    return finish(run, old, seconds, judged(run, promises, seconds))


def judged(run, promises, seconds):
    """Notes each promise that a run without troubles should have measured and has not."""
    options = run.options
    whole = run.count and not (options.only or options.no_linux or run.left_out or run.troubles)
    pairs = [tuple(of.values()) for _, of in report.View(run.suite, run.figures).peers()]
    findings = promised.Judge(run.suite, run.figures, options.quick, seconds if whole else None,
                              pairs, noted_seconds).findings(promises)
    if whole and not options.quick:
        run.troubles += [f"no figure of what is promised: {finding.promise.says}"
                         for finding in findings if finding.due and finding.value is None]
    return findings


def shown_again(suite, promises, file):
    about, figures = kept.read(file)
    pairs = [tuple(of.values()) for _, of in report.View(suite, figures).peers()]
    measured = {record["name"]: record["measured"] for record in about.get("promised", [])}
    findings = promised.Judge(suite, figures, peers=pairs).findings(promises)
    for finding in findings:
        finding.value = measured.get(finding.promise.name, finding.value)
    print(f"{about['date']}: " + "; ".join(f"{name} {value}" for name, value
                                           in about["facts"].items()) + "\n")
    print(show.text(suite, about, figures, width(), findings, show.markdown))
    return 0


def finish(run, old, seconds, findings):
    options, about = run.options, run.about()
    about["promised"] = [finding.record() for finding in findings]
    files = [options.out / "figures.json", options.out / "report.html"]
    kept.write(files[0], run.figures, about)
    files[1].write_text(report.page(run.suite, about, run.figures, findings))
    print(show.text(run.suite, about, run.figures, max(width(), 120), findings))
    missed = [finding for finding in findings if finding.kept is False]
    broken = [finding for finding in missed if not finding.promise.noisy]
    for finding in missed:
        print(f"NOT MET  {finding.promise.says}: {finding.value:g} {finding.promise.unit}, at most "
              f"{finding.promise.most:g} {finding.where and f'({finding.where})'}")
    if old is not None:
        print(compare.text(old, run.figures))
    for text in [*about["notes"], *run.left_out]:
        print(f"note: {text}")
    for text in run.troubles:
        print(f"FAILED  {text}")
    print(f"{len(run.figures)} figures in {seconds:.0f} seconds: {', '.join(map(str, files))}")
    return 1 if run.troubles or broken or not run.figures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
