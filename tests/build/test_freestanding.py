# SPDX-License-Identifier: MIT
"""The static library asks nothing of its surroundings but what docs/needed-symbols.txt lists.

    test_freestanding.py [--limit-text] [libpvops.a] [COMPILER...]
"""
import pathlib
import re
import sys
import unittest

import costs
from elf import SHF_TLS, Elf, disassemble
from toolbox import ROOT, TestCase, Variant, library_sources

sys.path.insert(0, str(ROOT / 'benchmarks'))
import promised  # noqa: E402

# SSE, AVX, MMX and x87 registers; %st alone, and %st(1).
VECTOR = re.compile(r'%([xyz]mm\d+|mm\d|st\b)')
# What compilers may call without being asked.
FROM_COMPILER = {'memcpy', 'memset', 'memmove', 'memcmp'}


def documented():
    lines = (ROOT / 'docs/needed-symbols.txt').read_text().splitlines()
    rows = [line.split(None, 1) for line in lines if line and not line.startswith('#')]
    return {row[0]: row[1] if len(row) > 1 else '' for row in rows}


def needed(objects):
    defined, undefined = set(), set()
    for elf in objects:
        for symbol in elf.symbols:
            if symbol.name and symbol.binding != 0:
                (defined if symbol.section else undefined).add(symbol.name)
    return undefined - defined - {'_GLOBAL_OFFSET_TABLE_'}


class Freestanding:
    objects = []
    with_doors = False

    def test_every_needed_symbol_is_documented_with_its_reason(self):
        self.assert_none(needed(self.objects) - set(documented()), 'undocumented symbols')
        self.assert_none((name for name, reason in documented().items() if len(reason) < 10),
                         'symbols without a reason')

    def test_every_documented_symbol_is_needed_or_a_compilers(self):
        if not self.with_doors:
            self.skipTest('the sources of doors are not among these')
        self.assert_none(set(documented()) - needed(self.objects) - FROM_COMPILER,
                         'symbols that nothing needs')

    def test_there_are_no_constructors_and_no_thread_local_data(self):
        bad = []
        for elf in self.objects:
            for section in elf.sections:
                if section.size and (re.match(r'\.(init_array|fini_array|ctors|dtors|init|fini)\b',
                                              section.name) or section.flags & SHF_TLS):
                    bad.append(f'{elf.path}: {section.name}')
        self.assert_none(bad, 'sections')

    def test_no_unwind_tables_are_needed(self):
        self.assert_none((f'{elf.path}: {section.name}' for elf in self.objects
                          for section in elf.sections
                          if section.name.startswith('.eh_frame') and section.size), 'sections')

    def test_no_floating_point_or_vector_register_is_used(self):
        self.assert_none((f'{elf.path}: {instruction.text}' for elf in self.objects
                          for instruction in disassemble(elf.path)
                          if VECTOR.search(instruction.text)), 'instructions')

    def test_the_stack_is_not_made_executable(self):
        self.assert_none((elf.path for elf in self.objects
                          if elf.section('.note.GNU-stack') is None), 'objects without the mark')

    def test_the_text_of_core_native_and_kvm_is_small(self):
        sizes = costs.text_sizes(self.objects)
        total = costs.core_native_kvm(sizes)
        limit = promised.limit('text_bytes')
        print('text in bytes:', ', '.join(f'{part} {size}' for part, size in sizes.items()),
              f'core, native and kvm {total}, limit {limit}')
        # At -O2 by gcc without thunks; other builds are reported and not judged.
        if LIMITED and self.with_doors:
            self.assertLessEqual(total, limit)


def load_tests(loader, standard, pattern):
    suite = unittest.TestSuite()
    what = {}
    for argument in ARGUMENTS:
        if argument.endswith('.a'):
            what['the_archive'] = costs.members(pathlib.Path(argument).resolve())
            continue
        for model in ('kernel', 'pie'):
            # With all protections: the same objects as the build matrix.
            variant = Variant(argument, model, protection='branch', retpolines=True)
            what[f'{argument}_{model}'] = [Elf(variant.object(source))
                                           for source in library_sources()]
    for name, objects in what.items():
        if objects:
            case = type(name, (Freestanding, TestCase), {'objects': objects,
                                                           'with_doors': name == 'the_archive'})
            suite.addTests(loader.loadTestsFromTestCase(case))
    return suite


LIMITED = '--limit-text' in sys.argv
ARGUMENTS = [word for word in sys.argv[1:] if word[0] != '-'] or ['gcc', 'clang']
if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
