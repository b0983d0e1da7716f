# SPDX-License-Identifier: MIT
# A kernel with another build system: it takes the library's sources by pvops.mk, which meson wrote,
# and compiles them with compiler, optimisation and code model of its own.
#
#   make -f kernel.mk PVOPS_MAKEFILE=.../pvops.mk HERE=.../tests/build CC=... OWN_FLAGS=...
include $(PVOPS_MAKEFILE)

FREESTANDING := -std=gnu11 -ffreestanding -mgeneral-regs-only -fno-stack-protector \
	-fno-asynchronous-unwind-tables
OBJECTS := $(patsubst %,objects/%.o,$(PVOPS_SOURCES))

kernel.elf: objects/consumer.o objects/support.o $(OBJECTS) $(HERE)/image.ld
	$(LD) -static --defsym=image_base=$(BASE) --emit-relocs -z noexecstack -T $(HERE)/image.ld \
		$(filter %.o,$^) -o $@

objects/%.o: $(HERE)/%.c
	@mkdir -p $(@D)
	$(CC) $(FREESTANDING) $(PVOPS_FLAGS) $(OWN_FLAGS) $(PVOPS_INCLUDE) -c $< -o $@

objects/%.o: $(PVOPS_ROOT)/%
	@mkdir -p $(@D)
	$(CC) $(FREESTANDING) $(PVOPS_FLAGS) $(OWN_FLAGS) $(PVOPS_INCLUDE) $(PVOPS_PRIVATE_INCLUDE) \
		-c $< -o $@
