/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Loops of PAUSEs: for how long a guest may spin before it exits. See pause_window.c.
 */
#ifndef KVM_X86_PAUSE_WINDOW_H
#define KVM_X86_PAUSE_WINDOW_H

#include <kvm/types.h>

struct kvm_vcpu;

/*
 * How windows move, as the parameters of a backend say; in units of the hardware's: cycles (VMX) or
 * PAUSEs (SVM).
 */
struct pause_rule {
	unsigned int	base;		/* what a vCPU begins with, and no window is smaller */
	unsigned int	grow;
	unsigned int	shrink;
	unsigned int	max;		/* no window grows beyond it */
};

unsigned int pause_window_grown(const struct pause_rule *rule, unsigned int window);
unsigned int pause_window_shrunk(const struct pause_rule *rule, unsigned int window);

#endif /* KVM_X86_PAUSE_WINDOW_H */
