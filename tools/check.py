# SPDX-License-Identifier: MIT
"""The steps of ./check. Each has a log and a time limit, and fails if its input is not there."""

import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cases
import lint
from steps import (PROJECT, Log, Tally, in_ci, missing_tools, note_seconds, outcome, say,
                   set_up)

from places import Kernels, everywhere, long, minute, visit
from pvrun import disc

BUILD = PROJECT / "build"
LOGS = BUILD / "logs"
C_FILES = ["*.c", "*.h", "*.cc", "*.cpp", "*.hpp"]
LINTED = ("lib/", "backends/", "examples/", "benchmarks/", "tests/")
CLANG = {"CC": "clang", "CXX": "clang++"}
# UBSan otherwise reports and goes on, and the test passes.
STRICT = {"ASAN_OPTIONS": "halt_on_error=1:abort_on_error=1:detect_leaks=1",
          "UBSAN_OPTIONS": "halt_on_error=1:abort_on_error=1:print_stacktrace=1"}
# Text is changed under running threads ten thousand times by one build; the others repeat it.
REPEATED = {"PV_CHANGES": "500"}
SANITIZERS = ["-Db_sanitize=address,undefined", "-Db_lundef=false"]
TAIL_LINES = 25
MOST_REASONS = 4
MOST_AGAIN = 3
TEST_SECONDS = 900
MEASURE_SECONDS = 400


def run_meson_tests(log, folder, choice=(), environment=None):
    """The tests of a build folder, but for what `choice` leaves out. None at all is a failure."""
    results = PROJECT / folder / "meson-logs/testlog.json"
    results.unlink(missing_ok=True)
    status, _ = log.run(["meson", "test", "-C", folder, "--print-errorlogs", *choice], TEST_SECONDS,
                        environment)
    tally = cases.of_meson(results) if results.exists() else Tally()
    if status != 0 and not tally.failed:
        tally.fail(f"meson test in {folder}: {outcome(status, TEST_SECONDS)}")
    if tally.passed + tally.failed == 0:
        tally.fail(f"meson test in {folder} {' '.join(choice)}: there are no tests")
    return tally


def compiled(log, folder):
    """One case: the folder builds."""
    tally = Tally()
    status, _ = log.run(["meson", "compile", "-C", folder], 600)
    if status == 0:
        tally.passed += 1
    else:
        tally.fail(f"{folder} does not build: {outcome(status, 600)}")
    return tally


def failed(text):
    tally = Tally()
    tally.fail(text)
    return tally


def step_build(log):
    trouble = set_up(log, "build")
    return failed(trouble) if trouble else compiled(log, "build")


def step_test(log):
    trouble = set_up(log, "build")
    return failed(trouble) if trouble else run_meson_tests(log, "build")


def step_sanitize(log):
    trouble = set_up(log, "build-asan", SANITIZERS)
    if trouble:
        return failed(trouble)
    # Only what the unit tests need: kernels cannot be linked with a sanitizer's run-time.
    return run_meson_tests(log, "build-asan", ["--suite", "unit"], {**STRICT, **REPEATED})


def step_clang(log):
    trouble = set_up(log, "build-clang", environment=CLANG)
    if trouble:
        return failed(trouble)
    tally = compiled(log, "build-clang")
    if not tally.failed:
        # The tests of the build itself use both compilers, whichever build folder runs them; booting
        # by each door is about the linker and the VMM, and done with gcc's kernel.
        tally.add(run_meson_tests(log, "build-clang", ["--suite", "unit", "--suite", "abi"],
                                  REPEATED))
    return tally


def step_format(log):
    if not (PROJECT / ".clang-format").exists():
        return failed("there is no .clang-format")
    status, files = log.run(["git", "ls-files", *C_FILES], 30)
    files = [name for name in files if (PROJECT / name).exists()]
    if status != 0 or not files:
        return failed("git names no C files")
    tally = Tally()
    status, lines = log.run(["clang-format", "--dry-run", "-Werror", *files], 120)
    wrong = sorted({line.split(":")[0] for line in lines if ": error:" in line})
    for name in wrong:
        tally.fail(f"{name} is not formatted (clang-format -i {name})")
    if status != 0 and not wrong:
        tally.fail(f"clang-format: {outcome(status, 120)}")
    tally.passed = len(files) - len(wrong)
    return tally


def step_lint(log):
    if not (PROJECT / ".clang-tidy").exists():
        return failed("there is no .clang-tidy")
    # clang's own build, since clang-tidy does not know all of gcc's flags.
    trouble = set_up(log, "build-clang", environment=CLANG)
    if trouble:
        return failed(trouble)
    tally = lint.lint(log, PROJECT / "build-clang",
                      lambda name: name.startswith(LINTED) and name.endswith(".c"))
    return tally if tally.passed + tally.failed else failed("the compile database names no files to lint")


def step_docs(log):
    trouble = set_up(log, "build")
    if trouble:
        return failed(trouble)
    doxyfile = BUILD / "Doxyfile"
    if not doxyfile.exists():
        return failed("the configured build folder has no Doxyfile (made from docs/Doxyfile.in)")
    tally = Tally()
    # Each warning is to be a case, so the first one must not end the run.
    settings = BUILD / "Doxyfile.check"
    settings.write_text(doxyfile.read_text() + "\nQUIET = YES\nWARNINGS = YES\n"
                        "WARN_AS_ERROR = NO\nWARN_LOGFILE =\n"
                        f"OUTPUT_DIRECTORY = {BUILD / 'doxygen'}\n")
    (BUILD / "doxygen").mkdir(exist_ok=True)
    status, lines = log.run(["doxygen", settings], 120)
    warnings = [line for line in lines if "warning:" in line or "error:" in line]
    for line in warnings:
        tally.fail(line)
    if status != 0 and not warnings:
        tally.fail(f"doxygen: {outcome(status, 120)}")
    if not tally.failed:
        tally.passed += 1
    return tally


def step_guest(log):
    return boot_in(log, "guest", lambda vmm: vmm != "kvm" and not vmm.startswith("xen-domu"))


def step_kvm(log):
    return boot_in(log, "kvm", lambda vmm: vmm == "kvm")


def step_domu(log):
    return boot_in(log, "domu", lambda vmm: vmm.startswith("xen-domu"))


def step_minute(log):
    return built_and_visited(log, minute, "minute")


def step_long(log):
    return built_and_visited(log, long, "long")


def built_and_visited(log, places, name):
    trouble = set_up(log, "build")
    tally = failed(trouble) if trouble else compiled(log, "build")
    if not tally.failed:
        tally.add(visit_all(log, places(Kernels(BUILD, f"places-{name}")), name))
    return tally


def boot_in(log, name, wanted):
    """The places on VMMs that are `wanted`. Steps run side by side, so each has a folder of its own."""
    places = everywhere(Kernels(BUILD, f"places-{name}"))
    return visit_all(log, [place for place in places if wanted(place.job.vmm)], name)


def visit_all(log, places, name):
    def heard(job, line):
        log.write(f"{job.label} | {line}")

    def progress(text):
        log.write(text)
        if not text.endswith(": running"):
            say(f"  {name}: {text}")

    tally = Tally()
    for place, result in visit(places, on_line=heard, on_progress=progress,
                               logs=f"logs/{name}"):
        counts = count_place(place, result)
        if counts.failed:
            counts.again = [Again(name, place, counts)]
        tally.add(counts)
    return tally


@dataclass
class Again:
    """A place that failed, and may be visited once more when nothing else runs."""

    step: str
    place: object
    counts: Tally

    def visit(self, log):
        return visit_all(log, [self.place], f"{self.step}-again")


def try_again(total):
    """Virtual machines on a machine that others use, too, fail now and then for want of a processor. A few
    places get a second try, alone; what passes then is told and no failure. More is no accident."""
    suspects, total.again = total.again, []
    if not suspects or len(suspects) > MOST_AGAIN:
        return
    say(f"== again, one by one: {', '.join(each.place.name for each in suspects)}")
    with Log(LOGS / "check-again.log") as log:
        for each in suspects:
            counts = each.visit(log)
            counts.again = []
            if counts.failed:
                say(f"   {each.place.name}: failed again")
                continue
            total.replace(each.counts, counts)
            for text in each.counts.failures:
                total.unstable.append(text)


def run_nowhere(total):
    """A check that every place skips is one that cannot fail."""
    for name, why in sorted(total.left_out.items()):
        if name not in total.ran:
            total.fail(f"no place runs the check '{name}': {why}")


def reasons(lines, name):
    """What a guest says behind the line of a check that failed."""
    found, said = False, []
    for line in lines:
        if re.match(r"(not )?ok\b", line):
            found = re.fullmatch(rf"not ok\b\s*\d*\s*-\s*{re.escape(name)}", line) is not None
        elif found and line.startswith("# "):
            said.append(line.removeprefix("# "))
    return said


def count_place(place, result):
    """One case, and one for each check of its TAP if they count by themselves."""
    tally = Tally()
    if result.unavailable and not in_ci():
        tally.skip(f"{place.name}: {result.reason}")
        tally.unreached = 1
        return tally
    if place.each_check:
        tally.passed = len(result.tap.passed)
        for name in result.tap.failed:
            words = "; ".join(reasons(result.lines, name)[:MOST_REASONS])
            tally.fail(f"{place.name}: {name}: {words or 'it does not say why'} (log: {result.log})")
        for name, why in result.tap.skipped:
            tally.skip(f"{place.name}: {name}: {why}")
        tally.ran = {*result.tap.passed, *result.tap.failed}
        tally.left_out = dict(result.tap.skipped)
    skips = place.skips(result)
    for why in skips:
        tally.skip(f"{place.name}: {why}")
    problems = place.problems(result)
    if problems:
        tally.fail(f"{place.name}: {'; '.join(problems)}")
    elif not skips and not (place.each_check and result.tap.failed):
        tally.passed += 1
    return tally


def step_measure(log):
    """What sites really hold, and the promised numbers against a kernel without sites."""
    trouble = set_up(log, "build-bound", ["-Dbind=native", "-Dtests=false"])
    if trouble:
        return failed(trouble)
    tally = compiled(log, "build-bound")
    for name in ("tests/vmm/sites.py", "tests/vmm/sites.py --xen-pv", "tests/vmm/promises.py"):
        status, lines = log.run([sys.executable, *name.split()], MEASURE_SECONDS)
        counted = cases.of_output(name, "\n".join(lines)) or Tally()
        if status != 0 and not counted.failed:
            counted.fail(f"{name}: {outcome(status, MEASURE_SECONDS)}")
        tally.add(counted)
    return tally


def step_runner(log):
    tally = Tally()
    for name in ("tests/vmm/test_pvrun.py", "tests/vmm/test_places.py", "tools/test_tools.py",
                 "tests/vmm/test_shell.py",
                 "tests/vmm/test_rigs.py", "tests/vmm/test_xen.py", "benchmarks/test_bench.py",
                 "benchmarks/test_promised.py",
                 "benchmarks/linux/test_peer.py"):
        status, lines = log.run([sys.executable, "-m", "unittest", "-v", name], 400)
        tally.add(cases.of_unittest(name, lines, status))
    return tally


@dataclass
class Step:
    name: str
    what: str
    run: callable
    tools: tuple
    if_asked: bool = False  # only when it is named


STEPS = [
    Step("build", "build with gcc (build/)", step_build, ("meson", "ninja", "gcc")),
    Step("test", "the host tests: unit, abi and the others", step_test, ("meson", "ninja", "gcc")),
    Step("sanitize", "the unit tests under ASan and UBSan (build-asan/)", step_sanitize,
         ("meson", "ninja", "gcc")),
    Step("clang", "build with clang and the unit and abi tests (build-clang/)", step_clang,
         ("meson", "ninja", "clang")),
    Step("format", "clang-format over the tracked C files", step_format, ("git", "clang-format")),
    Step("lint", "clang-tidy over the C files of a build folder", step_lint,
         ("meson", "clang", "clang-tidy")),
    Step("docs", "Doxygen without a warning", step_docs, ("meson", "doxygen")),
    Step("guest", "the example kernels on bare machines and as Xen's dom0: machines, doors, faces, lies",
         step_guest, ("qemu-system-x86_64", "cc", *disc.TOOLS)),
    Step("kvm", "the example kernels under KVM", step_kvm, ("qemu-system-x86_64", "cc", *disc.TOOLS)),
    Step("domu", "the example kernels beside a Linux dom0 on Xen", step_domu,
         ("qemu-system-x86_64", "cc", *disc.TOOLS)),
    Step("measure", "sites decoded from a memory dump, promised numbers counted", step_measure,
         ("meson", "gcc", "objdump", "qemu-system-x86_64")),
    Step("runner", "the tests of the runner, the rigs and these tools", step_runner,
         ("qemu-system-x86_64", "cc", "chromium")),
    Step("minute", "only if named: address spaces changed on all CPUs of a Xen PV guest for a minute",
         step_minute, ("meson", "ninja", "gcc", "qemu-system-x86_64"), if_asked=True),
    Step("long", "only if named: up to a million events in races of CPUs on each kind of Xen's guests",
         step_long, ("meson", "ninja", "gcc", "qemu-system-x86_64", *disc.TOOLS), if_asked=True),
]
# Each check of the kernel has a place in one of these.
EVERYWHERE = {"guest", "kvm", "domu"}
# These run alone: what others need, and threads that change text under each other.
ALONE = ("build", "test")
# The others run side by side, those that take longest first; steps of one chain share a folder. Guests
# often wait, so there are more than processors; fewer where nobody is there to try again.
CHAINS = [("guest",), ("kvm",), ("minute",), ("long",), ("domu",), ("clang", "lint"), ("runner",), ("sanitize",),
          ("measure",), ("format", "docs")]
LANES = 2 if in_ci() else 3

HELP = """\
usage: ./check [STEP...]

Installs missing Debian packages (see tools/deps --help), then runs every step but those that are to be asked for, or those named:

{steps}

Progress is shown as it goes; each step's output is kept in build/logs/check-STEP.log, and the end of
it is shown if the step fails. The last line is "N passed, N failed", with every single test case
counted; the exit status is 0 only if nothing failed and every step was run. Up to three places of
kernels that fail are tried again, alone, at the end: what passes then is named UNSTABLE, and no failure. A step that lacks a tool
is not, and is named at the end; with CI=true it counts as failed.
"""


def perform(step):
    begun = time.monotonic()
    say(f"== {step.name}: {step.what}")
    missing = missing_tools(step.tools)
    tally = Tally()
    with Log(LOGS / f"check-{step.name}.log") as log:
        if missing and in_ci():
            tally.fail(f"missing: {', '.join(missing)}")
        elif missing:
            tally.skip(f"missing: {', '.join(missing)} (tools/deps check)")
        else:
            try:
                tally = step.run(log)
            except Exception as error:  # a broken step must not hide the others
                tally.fail(f"{type(error).__name__}: {error}")
    report(step, tally, log.path, time.monotonic() - begun)
    return tally


def report(step, tally, path, seconds):
    lines = [f"   {step.name}: {summary(tally)} ({seconds:.0f} s)"]
    lines += [f"   SKIPPED {text}" for text in tally.skips]
    lines += [f"   FAILED  {text}" for text in tally.failures]
    if tally.failed:
        tail = path.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        lines += [f"   | {line}" for line in tail] + [f"   log: {path.relative_to(PROJECT)}"]
    say("\n".join(lines))


def summary(tally):
    text = f"{tally.passed} passed, {tally.failed} failed"
    return text + (f", {tally.skipped} skipped" if tally.skipped else "")


def schedule(chosen):
    """Steps to be run alone, then chains of steps; who comes to an end takes the next chain."""
    first = [step for step in chosen if step.name in ALONE]
    chains = [[step for step in chosen if step.name in chain] for chain in CHAINS]
    return first, [chain for chain in chains if chain]


def main(words):
    if any(word in ("-h", "--help", "help") for word in words):
        print(HELP.format(steps="\n".join(f"  {s.name:<9} {s.what}" for s in STEPS)))
        return 0
    names = [step.name for step in STEPS]
    unknown = [word for word in words if word not in names]
    if unknown:
        print(f"check: no step {unknown[0]}; there are: {', '.join(names)}", file=sys.stderr)
        return 2
    chosen = [step for step in STEPS if step.name in words or not (words or step.if_asked)]
    begun = time.monotonic()
    total = Tally()
    first, chains = schedule(chosen)
    for step in first:
        total.add(perform(step))
    with ThreadPoolExecutor(LANES) as pool:
        for tallies in pool.map(lambda chain: [perform(step) for step in chain], chains):
            for tally in tallies:
                total.add(tally)
    try_again(total)
    if EVERYWHERE <= {step.name for step in chosen} and not total.unreached:
        run_nowhere(total)
    for text in total.unstable:
        print(f"UNSTABLE  passed only when it was tried again, alone: {text}")
    for text in total.failures:
        print(f"FAILED  {text}")
    left_out = [step.name for step in chosen if missing_tools(step.tools)]
    if left_out:
        print(f"NOT RUN for lack of tools: {', '.join(left_out)} (tools/deps check)")
    seconds = time.monotonic() - begun
    good = total.failed == 0 and total.passed and not left_out
    if not words and good:
        note_seconds("./check", seconds)
    print(f"{len(chosen) - len(left_out)} steps, {seconds:.0f} seconds")
    print(summary(total))
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
