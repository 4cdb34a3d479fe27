/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ports and device memory, between io.c (who answers) and insn.c (who asks).
 */
#ifndef KVM_X86_IO_H
#define KVM_X86_IO_H

#include "x86.h"

#define X86_PIO_PAGE	1	/* page of the vCPU's mmap that holds the data of KVM_EXIT_IO */

/* A device in the kernel: 0, or -EOPNOTSUPP when none is there. */
int x86_pio_read(struct kvm_vcpu *vcpu, u16 port, unsigned int size, void *val);
int x86_pio_write(struct kvm_vcpu *vcpu, u16 port, unsigned int size, const void *val);

/* Fill in kvm_run; data of a port write is in v->pio_data already; @val NULL: a read. */
void x86_exit_io(struct kvm_vcpu *vcpu, u16 port, unsigned int size, unsigned int count, bool in);
void x86_exit_mmio(struct kvm_vcpu *vcpu, gpa_t gpa, unsigned int len, const void *val);

#endif /* KVM_X86_IO_H */
