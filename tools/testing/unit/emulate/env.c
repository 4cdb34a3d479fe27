// SPDX-License-Identifier: GPL-2.0-only
/* The machine of emulator tests: see env.h. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "env.h"

u8 *const arena = (u8 *)ARENA_BASE;

static struct env *to_env(struct x86_emu *emu)
{
	return (struct env *)((char *)emu - offsetof(struct env, emu));
}

/* @flags are X86_ACC_* of the access. */
static enum x86_op_result page_fault(struct x86_emu *emu, u64 addr, u32 error, unsigned int flags)
{
	bool user = emu->cpl == 3 && !(flags & X86_ACC_SYSTEM);

	emu->exception = (struct x86_emu_exception) {
		.vector = X86_EMU_PF,
		.has_error = true,
		.error_code = error | (user ? 4 : 0),
		.has_address = true,
		.address = addr,
	};
	return X86_OP_FAULT;
}

static bool in_arena(u64 addr, unsigned int size)
{
	return addr >= ARENA_BASE && addr + size <= ARENA_END;
}

static bool in_device(u64 addr, unsigned int size)
{
	return addr >= DEVICE_BASE && addr + size <= DEVICE_BASE + DEVICE_SIZE;
}

static u64 fault_address(u64 addr)
{
	return addr < ARENA_BASE || addr >= ARENA_END ? addr : ARENA_END;
}

/* A read that only user space can answer: from the log, or ask. */
static enum x86_op_result ask(struct env *env, int kind, u64 addr, unsigned int size,
			      unsigned int count, void *buf)
{
	struct env_event *ev = &env->answers[env->next_answer];

	if (env->inline_devices) {
		memset(buf, (int)addr, size * count);
		return X86_OP_OK;
	}
	if (env->next_answer < env->nr_answers) {
		if ((int)ev->kind != kind || ev->addr != addr || ev->size != size ||
		    ev->count != count) {
			printf("# replay differs\n");
			abort();
		}
		memcpy(buf, ev->data, size * count);
		env->next_answer++;
		return X86_OP_OK;
	}
	if (env->nr_answers == ARRAY_SIZE(env->answers))
		return X86_OP_UNHANDLED;
	env->waiting = (struct env_event) { kind, addr, size, count, { 0 } };
	return X86_OP_USER;
}

static enum x86_op_result post(struct env *env, int kind, u64 addr, unsigned int size,
			       unsigned int count, const void *buf)
{
	struct env_event *ev = &env->posted[env->nr_posted];
	unsigned int len = size * count;

	if (env->nr_posted == ARRAY_SIZE(env->posted)) {
		if (env->inline_devices)
			return X86_OP_OK;
		return X86_OP_ERROR;
	}
	env->nr_posted++;
	*ev = (struct env_event) { kind, addr, size, count, { 0 } };
	memcpy(ev->data, buf, len > sizeof(ev->data) ? sizeof(ev->data) : len);
	return X86_OP_OK;
}

static enum x86_op_result do_fetch(struct x86_emu *emu, u64 linear, void *buf, unsigned int len)
{
	if (!len || len > X86_EMU_MAX_INSN || (linear & 0xfff) + len > 0x1000) {
		printf("# fetch of %u bytes at %llx\n", len, (unsigned long long)linear);
		abort();
	}
	to_env(emu)->fetches++;
	if (!in_arena(linear, len))
		return page_fault(emu, linear, 0x10, 0);
	memcpy(buf, (void *)linear, len);
	return X86_OP_OK;
}

static enum x86_op_result do_read(struct x86_emu *emu, u64 linear, void *buf, unsigned int size,
				  unsigned int flags)
{
	struct env *env = to_env(emu);
	bool write = flags & X86_ACC_WRITE;

	if (!size || size > X86_EMU_BUF)
		abort();
	env->reads++;
	env->last_acc = flags;
	if (in_device(linear, size))
		return ask(env, EV_READ, linear, size, 1, buf);
	if (!in_arena(linear, size))
		return page_fault(emu, fault_address(linear), write ? 2 : 0, flags);
	if (write && env->read_only)
		return page_fault(emu, linear, 3, flags);
	memcpy(buf, (void *)linear, size);
	return X86_OP_OK;
}

static enum x86_op_result do_probe(struct x86_emu *emu, u64 linear, unsigned int size,
				   unsigned int flags)
{
	struct env *env = to_env(emu);
	bool write = flags & X86_ACC_WRITE;

	if (!size || size > X86_EMU_BUF)
		abort();
	if (in_device(linear, size))
		return X86_OP_OK;
	if (!in_arena(linear, size))
		return page_fault(emu, fault_address(linear), write ? 2 : 0, flags);
	if (write && (env->read_only || (env->read_only_from && linear + size >
					 env->read_only_from)))
		return page_fault(emu, linear, 3, flags);
	return X86_OP_OK;
}

static enum x86_op_result do_write(struct x86_emu *emu, u64 linear, const void *buf,
				   unsigned int size, unsigned int flags)
{
	struct env *env = to_env(emu);
	enum x86_op_result r;

	env->writes++;
	env->last_acc = flags;
	r = do_probe(emu, linear, size, flags | X86_ACC_WRITE);
	if (r)
		return r;
	if (in_device(linear, size))
		return post(env, EV_WRITE, linear, size, 1, buf);
	memcpy((void *)linear, buf, size);
	return X86_OP_OK;
}

static enum x86_op_result do_cmpxchg(struct x86_emu *emu, u64 linear, const void *old,
				     const void *new, unsigned int size, unsigned int flags)
{
	struct env *env = to_env(emu);
	enum x86_op_result r;

	env->cmpxchgs++;
	if (env->fail_cmpxchg)
		return X86_OP_RETRY;
	if (in_device(linear, size))
		return post(env, EV_WRITE, linear, size, 1, new);
	r = do_probe(emu, linear, size, flags | X86_ACC_WRITE);
	if (r)
		return r;
	if (memcmp((void *)linear, old, size))
		return X86_OP_RETRY;
	memcpy((void *)linear, new, size);
	return X86_OP_OK;
}

static enum x86_op_result do_pio_in(struct x86_emu *emu, u16 port, unsigned int size, void *buf,
				    unsigned int count)
{
	return ask(to_env(emu), EV_IN, port, size, count, buf);
}

static enum x86_op_result do_pio_out(struct x86_emu *emu, u16 port, unsigned int size,
				     const void *buf, unsigned int count)
{
	return post(to_env(emu), EV_OUT, port, size, count, buf);
}

static void do_get_seg(struct x86_emu *emu, enum x86_emu_seg_index seg, struct x86_emu_seg *out)
{
	*out = to_env(emu)->segs[seg];
}

static void do_set_seg(struct x86_emu *emu, enum x86_emu_seg_index seg,
		       const struct x86_emu_seg *in)
{
	to_env(emu)->segs[seg] = *in;
}

static void do_get_dt(struct x86_emu *emu, enum x86_emu_dt dt, struct x86_emu_table *out)
{
	*out = to_env(emu)->dt[dt];
}

static void do_set_dt(struct x86_emu *emu, enum x86_emu_dt dt, const struct x86_emu_table *in)
{
	to_env(emu)->dt[dt] = *in;
}

static u64 do_get_cr(struct x86_emu *emu, unsigned int nr)
{
	return to_env(emu)->cr[nr];
}

static enum x86_op_result do_set_cr(struct x86_emu *emu, unsigned int nr, u64 value)
{
	to_env(emu)->cr[nr] = value;
	return X86_OP_OK;
}

static u64 do_get_dr(struct x86_emu *emu, unsigned int nr)
{
	return to_env(emu)->dr[nr];
}

static enum x86_op_result do_set_dr(struct x86_emu *emu, unsigned int nr, u64 value)
{
	to_env(emu)->dr[nr] = value;
	return X86_OP_OK;
}

static u64 *msr(struct env *env, u32 index)
{
	switch (index) {
	case 0x174: case 0x175: case 0x176:
		return &env->sysenter[index - 0x174];
	case 0xc0000080:
		return &env->efer;
	case 0xc0000081:
		return &env->star;
	case 0xc0000082:
		return &env->lstar;
	case 0xc0000083:
		return &env->cstar;
	case 0xc0000084:
		return &env->sfmask;
	case 0xc0000102:
		return &env->kernel_gs_base;
	}
	return NULL;
}

static enum x86_op_result do_read_msr(struct x86_emu *emu, u32 index, u64 *value)
{
	struct env *env = to_env(emu);
	u64 *m = msr(env, index);

	*value = m ? *m : 0x1122334455660000 | (index & 0xffff);
	return X86_OP_OK;
}

static enum x86_op_result do_write_msr(struct x86_emu *emu, u32 index, u64 value)
{
	struct env *env = to_env(emu);
	u64 *m = msr(env, index);

	if (m)
		*m = value;
	env->last_msr = index;
	env->last_msr_value = value;
	return X86_OP_OK;
}

static enum x86_op_result do_read_pmc(struct x86_emu *emu, u32 index, u64 *value)
{
	*value = 0x5555000000000000 | index;
	return X86_OP_OK;
}

static enum x86_op_result do_get_xcr(struct x86_emu *emu, u32 index, u64 *value)
{
	*value = to_env(emu)->xcr0;
	return X86_OP_OK;
}

static enum x86_op_result do_set_xcr(struct x86_emu *emu, u32 index, u64 value)
{
	to_env(emu)->xcr0 = value;
	return X86_OP_OK;
}

static void do_cpuid(struct x86_emu *emu, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	*ebx = *eax + 1;
	*edx = *ecx + 1;
	*eax = 0xa;
	*ecx = 0xc;
}

static enum x86_op_result do_hlt(struct x86_emu *emu)
{
	to_env(emu)->halted = true;
	return X86_OP_OK;
}

static enum x86_op_result do_wbinvd(struct x86_emu *emu)
{
	return X86_OP_OK;
}

static enum x86_op_result do_invlpg(struct x86_emu *emu, u64 linear)
{
	to_env(emu)->invlpg = linear;
	return X86_OP_OK;
}

static enum x86_op_result do_vec_read(struct x86_emu *emu, unsigned int nr, void *buf,
				      unsigned int size)
{
	memcpy(buf, to_env(emu)->vec[nr], size);
	return X86_OP_OK;
}

static enum x86_op_result do_vec_write(struct x86_emu *emu, unsigned int nr, const void *buf,
				       unsigned int size, bool zero_upper)
{
	u64 *v = to_env(emu)->vec[nr];

	if (zero_upper)
		memset(v, 0, 32);
	memcpy(v, buf, size);
	return X86_OP_OK;
}

static enum x86_op_result do_mmx_read(struct x86_emu *emu, unsigned int nr, u64 *value)
{
	*value = to_env(emu)->mmx[nr];
	return X86_OP_OK;
}

static enum x86_op_result do_mmx_write(struct x86_emu *emu, unsigned int nr, u64 value)
{
	to_env(emu)->mmx[nr] = value;
	return X86_OP_OK;
}

static enum x86_op_result do_fxsave(struct x86_emu *emu, void *buf)
{
	memcpy(buf, to_env(emu)->fx, 512);
	return X86_OP_OK;
}

static enum x86_op_result do_fxrstor(struct x86_emu *emu, const void *buf)
{
	memcpy(to_env(emu)->fx, buf, 512);
	return X86_OP_OK;
}

static enum x86_op_result do_fpu(struct x86_emu *emu, enum x86_emu_fpu_op op, u16 *word)
{
	struct env *env = to_env(emu);

	env->fpu_last = (int)op;
	if (op == X86_EMU_FLDCW)
		env->fpu_word = *word;
	else if (word)
		*word = env->fpu_word;
	return X86_OP_OK;
}

static void do_nmi_unmask(struct x86_emu *emu)
{
	to_env(emu)->nmi_unmasked = true;
}

static enum x86_op_result do_intercept(struct x86_emu *emu, enum x86_emu_stage stage)
{
	struct env *env = to_env(emu);

	return env->icpt && env->icpt == emu->insn.icpt ? X86_OP_INTERCEPTED : X86_OP_OK;
}

static bool do_iteration_done(struct x86_emu *emu)
{
	struct env *env = to_env(emu);

	env->nr_answers = 0;
	env->next_answer = 0;
	env->iterations++;
	return !env->stop_after || env->iterations % env->stop_after;
}

static const struct x86_emu_ops ops = {
	.fetch = do_fetch,
	.read = do_read,
	.write = do_write,
	.compare_swap = do_cmpxchg,
	.probe = do_probe,
	.pio_in = do_pio_in,
	.pio_out = do_pio_out,
	.get_seg = do_get_seg,
	.set_seg = do_set_seg,
	.get_dt = do_get_dt,
	.set_dt = do_set_dt,
	.get_cr = do_get_cr,
	.set_cr = do_set_cr,
	.get_dr = do_get_dr,
	.set_dr = do_set_dr,
	.read_msr = do_read_msr,
	.write_msr = do_write_msr,
	.read_pmc = do_read_pmc,
	.get_xcr = do_get_xcr,
	.set_xcr = do_set_xcr,
	.cpuid = do_cpuid,
	.hlt = do_hlt,
	.wbinvd = do_wbinvd,
	.invlpg = do_invlpg,
	.vec_read = do_vec_read,
	.vec_write = do_vec_write,
	.mmx_read = do_mmx_read,
	.mmx_write = do_mmx_write,
	.fxsave = do_fxsave,
	.fxrstor = do_fxrstor,
	.fpu = do_fpu,
	.nmi_unmask = do_nmi_unmask,
	.intercept = do_intercept,
	.iteration_done = do_iteration_done,
};

static void map_arena(void)
{
	static bool mapped;

	if (mapped)
		return;
	mapped = true;
	if (mmap(arena, ARENA_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != arena ||
	    mmap(arena + ARENA_SIZE, 0x1000, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED) {
		perror("arena");
		exit(2);
	}
}

static void flat_segment(struct env *env, unsigned int seg)
{
	enum x86_emu_mode mode = env->emu.mode;
	bool real = mode == X86_EMU_REAL || mode == X86_EMU_VM86;

	env->segs[seg] = (struct x86_emu_seg) {
		.limit = real ? 0xffff : ~0U,
		.base = real ? ARENA_BASE : 0,
		.selector = real ? (u16)(ARENA_BASE >> 4) : seg == X86_EMU_CS ? 0x8 : 0x10,
		.type = seg == X86_EMU_CS ? 11 : 3,
		.s = true,
		.p = true,
		.dpl = env->emu.cpl,
		.db = mode == X86_EMU_PROT32 || (mode == X86_EMU_LONG64 && seg != X86_EMU_CS),
		.l = mode == X86_EMU_LONG64 && seg == X86_EMU_CS,
		.g = !real,
	};
}

void env_init(struct env *env, enum x86_emu_mode mode)
{
	unsigned int i;

	map_arena();
	memset(env, 0, sizeof(*env));
	x86_emu_init(&env->emu, &ops);
	env->emu.mode = mode;
	env->emu.cpl = mode == X86_EMU_VM86 ? 3 : 0;
	env->emu.rflags = 2 | (mode == X86_EMU_VM86 ? 0x20000 : 0);
	for (i = 0; i <= X86_EMU_GS; i++)
		flat_segment(env, i);
	env->segs[X86_EMU_TR] = (struct x86_emu_seg) { .limit = 0x67, .type = 11, .p = true };
	env->segs[X86_EMU_LDTR] = (struct x86_emu_seg) { .unusable = true };
	env->cr[0] = mode == X86_EMU_REAL ? 0x10 : 0x80000011;
	env->cr[4] = 0x600;
	env->efer = mode == X86_EMU_LONG64 ? 0xd01 : 0;
}

void env_code(struct env *env, u64 rip, const u8 *bytes, unsigned int n)
{
	u64 base = env->emu.mode == X86_EMU_LONG64 ? 0 : env->segs[X86_EMU_CS].base;

	memcpy((void *)(base + rip), bytes, n);
	env->emu.rip = rip;
}

enum x86_emu_outcome env_step(struct env *env)
{
	struct x86_emu *emu = &env->emu;
	u8 va_bits = emu->va_bits;
	bool amd = emu->amd, from_fault = emu->from_fault;
	enum x86_emu_outcome out;

	x86_emu_init(emu, &ops);
	emu->va_bits = va_bits;
	emu->amd = amd;
	emu->from_fault = from_fault;
	env->nr_answers = 0;
	env->next_answer = 0;
	out = x86_emu_decode(emu, NULL, 0);
	return out ? out : x86_emu_execute(emu);
}

enum x86_emu_outcome env_run(struct env *env, const u8 *bytes, unsigned int n)
{
	env_code(env, env->emu.rip, bytes, n);
	return env_step(env);
}

void env_answer(struct env *env, const void *data, unsigned int size)
{
	struct env_event *ev = &env->answers[env->nr_answers++];

	*ev = env->waiting;
	memcpy(ev->data, data, size);
	env->next_answer = 0;
}
