# SPDX-License-Identifier: MIT
"""Every public header compiles alone, in every language standard that a kernel may be written in,
without a warning, -Wpedantic included. What is for assembly can be assembled.

One exception: `pv_facts` is a struct and a function, as `stat` is in POSIX; g++ -Wshadow says so,
and is therefore not asked.

    test_headers.py COMPILER...
"""
import sys
import unittest

from toolbox import ROOT, SCRATCH, TestCase, passes, run

STRICT = ['-Wall', '-Wextra', '-Wpedantic', '-Wconversion', '-Wundef', '-Werror', '-mno-red-zone',
          '-ffreestanding', '-mgeneral-regs-only', '-fsyntax-only', '-I', ROOT / 'include']
LANGUAGE = {'c': ['-Wshadow', '-Wstrict-prototypes', '-Wmissing-prototypes'],
            'c++': ['-Wextra-semi', '-Wmissing-declarations']}
STANDARDS = {'c': ['c11', 'gnu11', 'gnu17'], 'c++': ['c++11', 'c++14', 'c++17', 'c++20']}
HEADERS = sorted((ROOT / 'include/pvops').glob('*.h'))


class Headers(TestCase):
    @classmethod
    def setUpClass(cls):
        SCRATCH.mkdir(parents=True, exist_ok=True)
        cls.rest = SCRATCH / f'rest-{"-".join(COMPILERS)}.c'
        cls.rest.write_text('typedef int a_translation_unit_is_not_empty;\n')

    def check(self, language, headers, flags):
        bad = []
        for header in headers:
            # One header includes all others: it is tried with every standard, they with the oldest.
            standards = STANDARDS[language] if header.name == 'pvops.h' else STANDARDS[language][:1]
            for compiler in COMPILERS:
                for standard in standards:
                    name = '-'.join([header.name, compiler, standard, *map(str, flags)])
                    passed, text = passes(name, [compiler, *STRICT, *LANGUAGE[language], *flags,
                                                 f'-std={standard}', '-x', language,
                                                 '-include', header, self.rest])
                    if not passed:
                        bad.append(f'{header.name}, {compiler} -std={standard}:\n{text[:800]}')
        self.assert_none(bad, 'headers that do not compile alone')

    def test_each_compiles_alone_in_c(self):
        self.check('c', HEADERS, [])

    def test_each_compiles_alone_in_cplusplus(self):
        self.check('c++', HEADERS, [])

    def test_all_compile_in_the_other_configurations(self):
        every = [ROOT / 'include/pvops/pvops.h']
        for flags in (['-DPV_CONFIG_PAGING_OPS=0'],
                      ['-DPV_CONFIG_BIND_HEADER="backends/native/bind.h"', '-I', ROOT],
                      ['-DPV_CONFIG_THIS_CPU=((struct pv_cpu *)4096)']):
            for language in STANDARDS:
                self.check(language, every, flags)

    def test_the_exit_of_a_trap_is_iretq_alone_where_the_backend_is_bound(self):
        source, made = SCRATCH / f'exit-{COMPILERS[0]}.S', SCRATCH / f'exit-{COMPILERS[0]}.o'
        source.write_text('#include "pvops/entry.h"\nleave: PV_RETURN_FROM_FRAME\n')
        for bound, expected in (([], ['testb', 'jne', 'iretq']),
                                (['-DPV_CONFIG_BIND_HEADER="backends/native/bind.h"'], ['iretq'])):
            for compiler in COMPILERS:
                run([compiler, '-I', ROOT / 'include', *bound, '-c', source, '-o', made])
                listing = run(['objdump', '-d', '--no-show-raw-insn', made])
                found = [line.split('\t')[1].split()[0] for line in listing.splitlines()
                         if '\t' in line]
                self.assertEqual(found, expected, listing)
                self.assertEqual('pv_frame_return' in run(['nm', '-u', made]), not bound)


COMPILERS = sys.argv[1:] or ['gcc', 'clang']
if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
