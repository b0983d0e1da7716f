# SPDX-License-Identifier: MIT
"""clang-tidy over files of a compile database, by ninja: what has passed is looked at again only when the
file, a header that it reads, its compiler's words, the rules or clang-tidy itself have changed.
"""

import json
import os
import shlex
import shutil
from pathlib import Path

from steps import PROJECT, TOO_LONG, Tally, outcome

FILE_SECONDS = 180
SECONDS = 1200
# The headers are those of the last time that the file passed.
# A log of its own: of what another file of rules makes, ninja forgets that it is made.
RULE = f"""\
builddir = lint
rule tidy
  command = rm -f $out && timeout {FILE_SECONDS} clang-tidy --quiet --warnings-as-errors='*' $in -- $words $
    >$out.log 2>&1 && $compiler $words -M -MF $out.d -MT $out $in && touch $out
  depfile = $out.d
  description = clang-tidy $in
"""
# What a compiler is to write: options that are followed by a name, and others.
NAMED_OUTPUT, OUTPUT = ("-MQ", "-MF", "-MT", "-o"), ("-MD", "-MMD", "-c")


def lint(log, folder, wanted):
    """A case for each file that `wanted` takes by its name in the project, of the compile database in
    `folder`. A file that is compiled in two ways is looked at in both."""
    database = json.loads((folder / "compile_commands.json").read_text())
    edges = {}
    for entry in database:
        name = os.path.relpath(Path(entry["directory"], entry["file"]).resolve(), PROJECT)
        if wanted(name):
            edges.setdefault(name, []).append((Path("lint", entry["output"] + ".ok"), entry))
    (folder / "lint").mkdir(exist_ok=True)
    (folder / "lint/build.ninja").write_text(_ninja(edges))
    status, _ = log.run(["ninja", "-C", folder, "-f", "lint/build.ninja", "-k", "0"], SECONDS)
    tally = Tally()
    unseen = 0
    for name, ways in sorted(edges.items()):
        failing = [stamp for stamp, _ in ways if not (folder / stamp).exists()]
        if not failing:
            tally.passed += 1
        elif status is TOO_LONG and not _log_of(folder / failing[0]).exists():
            unseen += 1
        else:
            tally.fail(f"{name}: {_complaint(folder / failing[0])}")
    if status is TOO_LONG or (status != 0 and not tally.failed):
        tally.fail(f"ninja: {outcome(status, SECONDS)}, and {unseen} files were not looked at")
    return tally


def _ninja(edges):
    rules = [str(path) for path in _read_by_all()]
    lines = [RULE]
    for ways in edges.values():
        for stamp, entry in ways:
            compiler, *words = _words(entry)
            lines += [f"build {stamp}: tidy {entry['file']} | {' '.join(rules)}",
                      f"  compiler = {compiler}", f"  words = {shlex.join(words).replace('$', '$$')}"]
    return "\n".join(lines) + "\n"


def _read_by_all():
    program = Path(shutil.which("clang-tidy")).resolve()
    return [program, *PROJECT.glob(".clang-tidy"), *PROJECT.glob("*/**/.clang-tidy")]


def _words(entry):
    """The compiler and its words, without those that say what to write, and the file's name."""
    words = iter(shlex.split(entry["command"]))
    kept = []
    for word in words:
        if word in NAMED_OUTPUT:
            next(words)
        elif word not in OUTPUT and word != entry["file"]:
            kept.append(word)
    return kept


def _log_of(stamp):
    return stamp.with_name(stamp.name + ".log")


def _complaint(stamp):
    log = _log_of(stamp)
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return next((line for line in lines if ": error:" in line), f"was not passed by clang-tidy (log: {log})")
