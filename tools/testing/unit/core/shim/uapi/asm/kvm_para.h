/* SPDX-License-Identifier: GPL-2.0-only */
#include <asm/kvm_para.h>
