/* SPDX-License-Identifier: GPL-2.0-only */
/* Of a vCPU the tested files want nothing but what comes with its header. */
#include <kvm/types.h>

struct hlist_node {
	struct hlist_node *next, **pprev;
};
