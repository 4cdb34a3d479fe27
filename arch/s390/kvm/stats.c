// SPDX-License-Identifier: GPL-2.0-only
/* The rows by which the core shows our counters (stats.h). */
#include "s390.h"

#define VM_ROW(name)	KVM_STAT_COUNTER(struct s390_vm, stat.name, #name),
#define VCPU_ROW(name)	KVM_STAT_COUNTER(struct s390_vcpu, stat.name, #name),

/* Where a table has 0, nothing is counted. */
static_assert(!S390_STAT(exits));

static const struct kvm_stat_row vm_stats[] = { S390_VM_STATS(VM_ROW) };
static const struct kvm_stat_row vcpu_stats[] = { S390_VCPU_STATS(VCPU_ROW) };

const struct kvm_stat_table s390_vm_stats = KVM_STAT_TABLE(vm_stats);
const struct kvm_stat_table s390_vcpu_stats = KVM_STAT_TABLE(vcpu_stats);
