// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's 16-bit entry (Documentation/x86/boot.rst, "The Real-Mode Kernel Header"): its own
 * set-up code runs in real mode, asks the BIOS, and switches to protected mode.
 *
 * The BIOS here is what that code cannot do without: INT 15, E820, the memory map. Every other
 * service fails with the carry flag set and changes nothing; the set-up code gets by without them.
 */
#include <stdio.h>
#include <string.h>
#include "util.h"
#include "x86/boot.h"

#define SETUP_SEGMENT	(SETUP_AT >> 4)
#define STACK_TOP	0xe000		/* in that segment; the heap ends below it */
#define HEAP_END	(STACK_TOP - 0x200)
#define BIOS_SEGMENT	(BIOS_AT >> 4)
#define SMALL_ENTRY	20		/* bytes of an entry, as E820 hands it out */
#define VECTORS		256

/* It runs at offset 0 of its segment. The stack then has IP, CS, FLAGS behind the saved BP. */
extern const uint8_t bios[], bios_e820[], bios_end[];

asm(".pushsection .rodata\n.code16\n"
    "bios:\n"
    "1:	pushw %bp\n	movw %sp, %bp\n	orw $1, 6(%bp)\n	popw %bp\n	iretw\n"
    "bios_e820:\n"
    "	cmpw $0xe820, %ax\n	jne 1b\n"
    "	cmpl $0x534d4150, %edx\n	jne 1b\n"
    "	pushw %si\n	pushw %di\n	pushw %ds\n"
    "	pushw %cs\n	popw %ds\n"
    "	imulw $20, %bx, %si\n	addw $(bios_end - bios + 2), %si\n"
    "	cld\n	movw $10, %cx\n	rep movsw\n"
    "	popw %ds\n	popw %di\n	popw %si\n"
    "	movl %edx, %eax\n	movl $20, %ecx\n"
    "	incl %ebx\n	cmpw %bx, %cs:(bios_end - bios)\n	jne 2f\n"
    "	xorl %ebx, %ebx\n"
    "2:	pushw %bp\n	movw %sp, %bp\n	andw $0xfffe, 6(%bp)\n	popw %bp\n	iretw\n"
    "	.balign 2\n"
    "bios_end:\n"		/* followed by the number of entries, and these */
    ".code64\n.popsection");

static void put(struct vmm *vm, uint64_t gpa, const void *data, size_t size)
{
	if (!mem_write(&vm->mem, gpa, data, size))
		die(VM_SETUP, "nothing can be written at 0x%llx", (unsigned long long)gpa);
}

static void put_bios(struct vmm *vm, const struct e820_map *map)
{
	const uint64_t list = BIOS_AT + (bios_end - bios);
	const uint16_t n = map->n;
	uint16_t vectors[VECTORS][2];
	unsigned int i;

	if (list + 2 + n * SMALL_ENTRY > VIDEO_AT)
		die(VM_SETUP, "the memory map does not fit into the BIOS");
	put(vm, BIOS_AT, bios, bios_end - bios);
	put(vm, list, &n, sizeof(n));
	for (i = 0; i < n; i++)
		put(vm, list + 2 + i * SMALL_ENTRY, &map->entry[i], SMALL_ENTRY);
	for (i = 0; i < VECTORS; i++) {
		vectors[i][0] = i == 0x15 ? bios_e820 - bios : 0;
		vectors[i][1] = BIOS_SEGMENT;
	}
	put(vm, 0, vectors, sizeof(vectors));
}

void real_mode_load(struct vmm *vm, const struct bzimage *image, const struct setup_header *header,
		    const struct e820_map *map)
{
	struct setup_header h = *header;

	if (image->code_offset > HEAP_END)
		die(VM_SETUP, "the kernel's set-up code is too long");
	h.loadflags |= CAN_USE_HEAP;
	h.heap_end_ptr = HEAP_END;
	put(vm, SETUP_AT, vm->opt.kernel.data, image->code_offset);
	put(vm, SETUP_AT + BZIMAGE_HEADER_AT, &h, bzimage_header_size(vm->opt.kernel.data));
	put_bios(vm, map);
	cpu_enter_real(&vm->vcpus[0], SETUP_SEGMENT, 0x200, STACK_TOP);
}
