# SPDX-License-Identifier: MIT
"""What the build tests share: the source list that meson wrote, a compiler with a cache, a variant
of the build matrix, and the rules that every linked variant must obey.

Objects and images are kept in the build folder, each beside a digest of all that it was made of, so that
a second run compiles and links only what has changed.
"""
import fcntl
import functools
import hashlib
import os
import pathlib
import re
import subprocess
import unittest

from elf import Elf, disassemble, records, STT_FUNC, STT_SECTION, SHF_EXEC

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SCRATCH = pathlib.Path(os.environ.get('PVOPS_BUILD_TEST_DIR', '/tmp/pvops-build-test'))
SOURCE_LIST = pathlib.Path(os.environ.get('PVOPS_SOURCE_LIST', SCRATCH / 'pvops-sources.txt'))
FLAGS = os.environ.get('PVOPS_FLAGS', '-mno-red-zone').split()

INCLUDES = ['-I', str(ROOT / 'include'), '-I', str(ROOT)]
WARNINGS = ['-Wall', '-Wextra', '-Wconversion', '-Werror']
# As in the top meson.build; the matrix adds the code model and the protections.
FREESTANDING = ['-mno-red-zone', '-ffreestanding', '-mgeneral-regs-only', '-fno-stack-protector',
                '-fno-asynchronous-unwind-tables', '-O2', '-g0']
STACK = {'gcc': ['-mpreferred-stack-boundary=3'], 'clang': ['-mstack-alignment=8']}
MODEL = {'kernel': ['-mcmodel=kernel', '-fno-pic', '-fno-pie'], 'pie': ['-fPIE']}
PROTECTION = {'branch': ['-fcf-protection=branch'], 'none': ['-fcf-protection=none']}
RETPOLINES = {('gcc', True): ['-mindirect-branch=thunk-inline', '-mindirect-branch-register'],
              ('clang', True): ['-mretpoline'], ('gcc', False): [], ('clang', False): []}
KERNEL_BASE = 0xffffffff80000000


def run(command, **options):
    """Runs a command; its output in the message if it fails."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        words = ' '.join(str(word) for word in command if not str(word).endswith('.o'))
        raise AssertionError(f'{words}\n{done.stdout[-3000:]}')
    return done.stdout


def attempt(command):
    """Runs a command that may fail: (whether it did not, its output)."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    return done.returncode == 0, done.stdout


def library_sources():
    return [ROOT / line for line in SOURCE_LIST.read_text().split()]


@functools.lru_cache(None)
def headers_digest():
    digest = hashlib.sha256()
    for folder in ('include', 'lib', 'backends', 'tests/build'):
        for header in sorted((ROOT / folder).rglob('*.h*')):
            digest.update(header.read_bytes())
    return digest.hexdigest()


@functools.lru_cache(None)
def version(program):
    return run([program, '--version'])


def compile_cached(folder, compiler, flags, source, name=None):
    """The object of a source. A change of any header counts as one of its own."""
    folder = SCRATCH / folder
    folder.mkdir(parents=True, exist_ok=True)
    source = pathlib.Path(source)
    target = folder / ((name or os.path.relpath(source, ROOT).replace('/', '_')) + '.o')
    command = [compiler, *INCLUDES, *flags, '-c', source, '-o', target]
    made_of = [version(compiler), headers_digest(), *map(str, command)]
    return unless_made(target, command, made_of, [source])


def unless_made(target, command, words, files):
    """The file that a command makes, made anew only if the words or the files' contents have changed
    since, and by one process at a time."""
    stamp, lock = (target.with_name(target.name + suffix) for suffix in ('.stamp', '.lock'))
    with open(lock, 'w') as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        digest = hashlib.sha256('\0'.join(words).encode())
        for name in files:
            digest.update(b'\0' + pathlib.Path(name).read_bytes())
        if not (target.exists() and stamp.exists() and stamp.read_text() == digest.hexdigest()):
            stamp.unlink(missing_ok=True)
            target.unlink(missing_ok=True)
            run(command)
            stamp.write_text(digest.hexdigest())
    return target


def passes(name, command):
    """(whether a command that reads headers only does not fail, its output). What has passed is not tried again
    before it, its program or a header has changed."""
    stamp = SCRATCH / 'passed' / re.sub(r'[^\w.+=-]', '_', name)
    stamp.parent.mkdir(parents=True, exist_ok=True)
    made_of = [version(command[0]), headers_digest(), *map(str, command)]
    digest = hashlib.sha256('\0'.join(made_of).encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return True, ''
    stamp.unlink(missing_ok=True)
    passed, text = attempt(command)
    if passed:
        stamp.write_text(digest)
    return passed, text


class Ops:
    """The op lists, as the preprocessor reads them: the columns of pvops/table.h."""

    def __init__(self):
        text = run(['gcc', '-E', '-P', *INCLUDES, '-x', 'c', '-D',
                    'PV_OP(k,c,l,s,t,n,p,a)=@k c l s n@', ROOT / 'include/pvops/ops/all.h'])
        self.rows = [row.split() for row in re.findall(r'@([^@]*)@', text)]
        self.names = [row[4] for row in self.rows]
        self.hot = [row[4] for row in self.rows if row[0] == 'HOT']
        self.length = {row[4]: int(row[2]) for row in self.rows}
        self.number = {name: i for i, name in enumerate(self.names)}

    def domain(self, name):
        text = (ROOT / 'include/pvops/ops' / f'{name}.h').read_text()
        return [op for op in self.names if re.search(rf'[,\s]{op}\s*,', text)]


class Variant:
    """One point of the build matrix, and how it is compiled and linked."""

    def __init__(self, compiler, model='kernel', lto=False, protection='branch',
                 retpolines=False, extra=(), tag=''):
        self.compiler, self.model, self.lto = compiler, model, lto
        self.protection, self.retpolines = protection, retpolines
        self.base = [compiler, model, protection, 'retpolines' if retpolines else 'plain']
        if tag:
            self.base.append(tag)
        self.name = '-'.join(self.base + (['lto'] if lto else []))
        self.code = [*FREESTANDING, *STACK[compiler], *MODEL[model], *PROTECTION[protection],
                     *RETPOLINES[compiler, retpolines]]
        self.flags = [*self.code, *WARNINGS, *extra]
        self.extra = list(extra)

    def _folder_and_lto(self):
        # One compilation by gcc serves both links: the object holds machine code and GIMPLE.
        if self.compiler == 'gcc':
            return '-'.join(self.base), ['-flto', '-ffat-lto-objects']
        return self.name, ['-flto'] if self.lto else []

    def object(self, source, flags=(), name=None):
        source = pathlib.Path(source)
        if source.suffix == '.S':
            extra = [flag for flag in self.extra if flag.startswith('-D')]
            folder = '-'.join(['asm', self.compiler, self.model, *extra]).replace('/', '_')
            folder = re.sub(r'[^\w.=-]', '_', folder)
            return compile_cached(folder, self.compiler, ['-g0', *extra, *flags], source, name)
        folder, lto = self._folder_and_lto()
        return compile_cached(folder, self.compiler, ['-std=gnu11', *self.flags, *lto, *flags],
                              source, name)

    def library_builder(self):
        """The variant that the library is compiled as: with both protections, which serves those who
        want one of them, too; and in the kernel code model without any. So every rule is tested
        where it applies, and the library is compiled eight times and not 32."""
        if self.extra:
            return self
        if self.model == 'kernel' and not (self.protection == 'branch' or self.retpolines or
                                           (self.lto and self.compiler == 'clang')):
            return self
        return Variant(self.compiler, self.model, self.lto, 'branch', True)

    def library(self, folder):
        """Arguments that offer the linker the library as an archive: only what is needed is taken,
        so that doors stay out."""
        builder = self.library_builder()
        objects = [builder.object(source) for source in library_sources()]
        if self.compiler == 'clang':
            return ['-Wl,--start-lib', *objects, '-Wl,--end-lib']
        command = ['ar', 'rcs', folder / 'library.a', *objects]
        return [unless_made(folder / 'library.a', command, map(str, command), objects)]

    def link(self, objects, name='image', library=True):
        """Links objects, and what they need of the library."""
        folder = SCRATCH / self.name / name
        folder.mkdir(parents=True, exist_ok=True)
        image = folder / f'{name}.elf'
        objects = [*objects, *(self.library(folder) if library else [])]
        support = compile_cached(f'support-{self.compiler}', self.compiler,
                                 [*FREESTANDING, '-fPIE', '-fno-builtin', '-fcf-protection=branch'],
                                 HERE / 'support.c')
        model = ['-static', '-no-pie', f'-Wl,--defsym=image_base={KERNEL_BASE:#x}']
        if self.model == 'pie':
            model = ['-pie', '-Wl,--no-dynamic-linker', '-Wl,--defsym=image_base=0']
        how = ['-flto', *self.code] if self.lto else ['-fno-lto']
        if self.compiler == 'clang':
            # LLVM's own linker: for LTO it is the one that needs no plug-in.
            how += ['-fuse-ld=lld', '-Wno-unused-command-line-argument']
        command = [self.compiler, '-nostdlib', '-nostartfiles', *model, *how,
                   '-Wl,--build-id=none', '-Wl,-q', '-Wl,-z,noexecstack', '-Wl,-T', HERE / 'image.ld',
                   support, *objects, '-o', image]
        versions = [version(self.compiler), version('ld.lld' if self.compiler == 'clang' else 'ld')]
        read = [name for name in command if isinstance(name, pathlib.Path) and name != image]
        return unless_made(image, command, [*versions, *map(str, command)], read)

    def image(self):
        """The library and a consumer of every op, linked."""
        return self.link([self.object(HERE / 'consumer.c')])


def every_variant():
    return [Variant(compiler, model, lto, protection, retpolines)
            for compiler in ('gcc', 'clang') for model in ('kernel', 'pie')
            for lto in (False, True) for protection in ('branch', 'none')
            for retpolines in (False, True)]


class Image:
    """A linked variant, decoded."""

    def __init__(self, path, ops):
        self.elf = Elf(path)
        self.ops = ops
        self.listing = disassemble(path)
        self.at = {instruction.address: instruction for instruction in self.listing}
        self.records = records(self.elf)
        self.table = self.elf.value('pv_ops') if 'pv_ops' in self.elf.by_name else None

    def complaints_about_records(self):
        """Each record names a site in text that is the op's call, and nothing else."""
        wrong = []
        for record in self.records:
            if record.op >= len(self.ops.names) or record.zero != 0:
                wrong.append(f'{record}: names no op')
                continue
            name = self.ops.names[record.op]
            if name not in self.ops.hot or record.length != self.ops.length[name]:
                wrong.append(f'{name} at {record.address:#x}: length {record.length}')
            if not self.elf.is_text(record.address):
                wrong.append(f'{name}: {record.address:#x} is not text')
                continue
            wrong += self._complaints_about_bytes(record, name)
        return wrong

    def _complaints_about_bytes(self, record, name):
        held = self.elf.bytes_at(record.address, record.length)
        if held[-6:-4] != b'\xff\x15':
            return [f'{name} at {record.address:#x}: ends with {held[-6:].hex(" ")}']
        end = record.address + record.length
        slot = (end + int.from_bytes(held[-4:], 'little', signed=True)) % (1 << 64)
        if slot != self.table + 8 * record.op:
            return [f'{name} at {record.address:#x}: calls {slot:#x}, which is not its slot']
        lengths = []
        at = record.address
        while at < end and at in self.at:
            lengths.append(self.at[at].length)
            at += self.at[at].length
        expected = 1 if record.length <= 15 else 2
        if at != end or len(lengths) != expected or lengths[-1] > 15:
            return [f'{name} at {record.address:#x}: decodes as instructions of {lengths} bytes']
        return []

    def calls_through_hot_slots(self):
        """Ends of all instructions that call or jump through the slot of a hot op."""
        slots = {self.table + 8 * self.ops.number[name] for name in self.ops.hot}
        ends = set()
        for instruction in self.listing:
            if instruction.mnemonic not in ('call', 'jmp', 'callq', 'jmpq'):
                continue
            match = re.match(r'\*(-?0x[0-9a-f]+)\(%rip\)', instruction.operands)
            end = instruction.address + instruction.length
            if match and (end + int(match[1], 16)) % (1 << 64) in slots:
                ends.add(end)
        return ends

    def indirect_branches(self):
        """Calls and jumps through a register or memory that are not recorded sites."""
        ends = {record.address + record.length for record in self.records}
        return [i for i in self.listing
                if i.mnemonic in ('call', 'jmp', 'callq', 'jmpq') and i.operands.startswith('*') and
                i.address + i.length not in ends]

    def function_at(self, address):
        for symbol in self.elf.symbols:
            if symbol.type == STT_FUNC and symbol.value <= address < symbol.value + symbol.size:
                return symbol.name
        return '?'

    def indirect_targets(self):
        """Functions whose address is taken: by data, or by an instruction that is no branch."""
        functions = {s.value: s.name for s in self.elf.symbols if s.type == STT_FUNC and s.section}
        bounds = [self.elf.by_name.get(f'__{end}_pv_sites') for end in ('start', 'stop')]
        records = range(*(bound.value for bound in bounds)) if None not in bounds else ()
        taken = {}
        starts = {}
        for instruction in self.listing:
            for byte in range(instruction.length):
                starts[instruction.address + byte] = instruction
        for relocation in self.elf.relocations():
            # A record points at its site, with which a function may begin.
            if relocation.section.name.startswith('.debug') or relocation.offset in records:
                continue
            # Not a label of the linker script, which may stand where a function begins.
            if relocation.symbol.type not in (STT_FUNC, STT_SECTION):
                continue
            target = (relocation.symbol.value + relocation.addend) % (1 << 64)
            if relocation.section.flags & SHF_EXEC:
                holder = starts.get(relocation.offset)
                if holder is None or holder.mnemonic[:1] == 'j' or holder.mnemonic[:4] == 'call':
                    continue
                if relocation.type in (2, 4): # PC32, PLT32: relative to the instruction's end
                    target += holder.address + holder.length - relocation.offset
            if target in functions:
                taken[target] = functions[target]
        return taken


class TestCase(unittest.TestCase):
    """All complaints at once instead of the first assertion that fails."""
    maxDiff = None

    def assert_none(self, complaints, what):
        complaints = list(complaints)
        if complaints:
            shown = '\n  '.join(map(str, complaints[:20]))
            self.fail(f'{what}: {len(complaints)}\n  {shown}')
