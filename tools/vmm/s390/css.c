// SPDX-License-Identifier: GPL-2.0-only
/* The channel subsystem: see css.h. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include "s390/css.h"
#include "s390/ida.h"

/* Path management control word: of its bits, what the guest may set. */
#define PMCW_SET		0x38fc0000U	/* subclass, enabled, limits, measurement, paths */
#define PMCW_ISC(flags)		((flags) >> 27 & 7)
#define PMCW_ENABLED		0x00800000U
#define PMCW_VALID		0x00010000U	/* device number */
#define PMCW_CONCURRENT_SENSE	0x00000001U	/* in the last word */
#define PMCW_LAST_SET		0x00000007U

#define THE_PATH		0x80

/* Subchannel status word. */
#define SCSW_KEY		0xf0000000U
#define SCSW_SENSE_IN_ESW	0x04000000U
#define SCSW_FORMAT_1		0x00800000U
#define SCSW_EXTENDED_CONTROL	0x00020000U
#define SCSW_START		0x00004000U
#define SCSW_HALT		0x00002000U
#define SCSW_CLEAR		0x00001000U
#define SCSW_ALERT		0x00000010U
#define SCSW_PRIMARY		0x00000004U
#define SCSW_SECONDARY		0x00000002U
#define SCSW_PENDING		0x00000001U

/* Device status, subchannel status. */
#define ATTENTION		0x80
#define CHANNEL_END		0x08
#define DEVICE_END		0x04
#define UNIT_CHECK		0x02
#define INCORRECT_LENGTH	0x40
#define PROGRAM_CHECK		0x20

/* Channel command words, format 1. */
#define CCW_CHAIN_DATA		0x80
#define CCW_CHAIN_COMMAND	0x40
#define CCW_SUPPRESS_LENGTH	0x20
#define CCW_INDIRECT		0x04
#define CCW_UNSERVED		0x92	/* data chaining, skip, suspend */
#define MAX_CCWS		256	/* a program that does not end is ended */

enum {
	CMD_NOP		= 0x03,
	CMD_SENSE	= 0x04,
	CMD_TRANSFER	= 0x08,
	CMD_SENSE_ID	= 0xe4,
};

struct ccw {
	uint8_t		code, flags;
	uint16_t	count;
	uint32_t	data;
};

struct orb {
	uint32_t	parameter;
	uint32_t	flags;
	uint32_t	program;
};

#define ORB_FORMAT_1	0x00800000U
#define ORB_WIDE_IDA	0x00020000U
#define ORB_SMALL_IDA	0x00010000U	/* blocks of 2 KiB with wide words */
#define ORB_PATHS(flags)	((flags) >> 8 & 0xff)

struct pmcw {
	uint32_t	parameter;
	uint32_t	flags;		/* with the device number */
	uint8_t		lpm, pnom, lpum, pim;
	uint16_t	mbi;
	uint8_t		pom, pam;
	uint8_t		chpid[8];
	uint32_t	last;
};

struct scsw {
	uint32_t	flags;
	uint32_t	program;
	uint8_t		device, channel;
	uint16_t	count;
};

struct schib {
	struct pmcw	pmcw;
	struct scsw	scsw;
	uint32_t	model[3];
};

struct irb {
	struct scsw	scsw;
	uint32_t	esw[5];
	uint8_t		ecw[SENSE_BYTES];
};

static_assert(sizeof(struct schib) == 52, "as the architecture has it");
static_assert(sizeof(struct irb) == 64, "as the architecture has it");

#define ESW_CONCURRENT_SENSE	0x01000000U	/* in its second word, with the count */
#define ESW_SENSE_COUNT_SHIFT	16

static struct subchannel {
	struct ccw_device	*dev;
	struct schib		schib;
	uint8_t			sense[SENSE_BYTES];
} subchannels[MAX_SUBCHANNELS];

static unsigned int n_subchannels;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;	/* guards subchannels[] */

/* The word that names a subchannel: 1, and its number. */
#define ID_ONE	0x00010000U

uint32_t css_add(struct vmm *vm, struct ccw_device *dev)
{
	struct subchannel *s = &subchannels[n_subchannels];

	if (n_subchannels == MAX_SUBCHANNELS)
		die(VM_SETUP, "no more than %d devices have a place", MAX_SUBCHANNELS);
	s->dev = dev;
	s->schib.pmcw = (struct pmcw){
		.flags	= PMCW_VALID | n_subchannels,
		.lpm	= THE_PATH,
		.pim	= THE_PATH,
		.pom	= 0xff,
		.pam	= THE_PATH,
	};
	return ID_ONE | n_subchannels++;
}

bool css_empty(void)
{
	return !n_subchannels;
}

static struct subchannel *find(uint32_t id)
{
	return id - ID_ONE < n_subchannels ? &subchannels[id - ID_ONE] : NULL;
}

struct ccw_device *css_device(uint32_t id)
{
	return find(id) ? find(id)->dev : NULL;
}

static bool pending(const struct subchannel *s)
{
	return s->schib.scsw.flags & SCSW_PENDING;
}

static void interrupt(struct vmm *vm, const struct subchannel *s)
{
	const unsigned int number = s - subchannels;
	const struct pmcw *p = &s->schib.pmcw;
	struct kvm_s390_interrupt irq = {
		.type	= KVM_S390_INT_IO(0, 0, 0, number),
		.parm	= ID_ONE | number,
		.parm64	= (uint64_t)p->parameter << 32 | PMCW_ISC(p->flags) << 27,
	};

	vm_ioctl(vm, KVM_S390_INTERRUPT, "KVM_S390_INTERRUPT", &irq);
}

void css_attention(struct vmm *vm, struct ccw_device *dev)
{
	struct subchannel *s = subchannels;

	pthread_mutex_lock(&lock);
	while (s->dev != dev)
		s++;
	/* One that is pending already makes the guest look. */
	if ((s->schib.pmcw.flags & PMCW_ENABLED) && !pending(s)) {
		s->schib.scsw = (struct scsw){
			.flags	= SCSW_ALERT | SCSW_PENDING,
			.device	= ATTENTION,
		};
		interrupt(vm, s);
	}
	pthread_mutex_unlock(&lock);
}

/* ---- channel programs ------------------------------------------------------------------------ */

static struct ccw_answer sense_id(const struct ccw_device *dev, uint8_t *data, unsigned int count)
{
	const uint8_t id[] = { 0xff, dev->cu_type >> 8, dev->cu_type, dev->cu_model, 0, 0, 0 };
	const unsigned int n = count < sizeof(id) ? count : sizeof(id);

	memcpy(data, id, n);
	return (struct ccw_answer){ .used = n };
}

static struct ccw_answer give_sense(struct subchannel *s, uint8_t *data, unsigned int count)
{
	const unsigned int n = count < SENSE_BYTES ? count : SENSE_BYTES;

	memcpy(data, s->sense, n);
	memset(s->sense, 0, SENSE_BYTES);
	return (struct ccw_answer){ .used = n };
}

static struct ccw_answer command(struct subchannel *s, uint8_t code, uint8_t *data,
				 unsigned int count)
{
	switch (code) {
	case CMD_NOP:
		return (struct ccw_answer){ .used = count };
	case CMD_SENSE:
		return give_sense(s, data, count);
	case CMD_SENSE_ID:
		return sense_id(s->dev, data, count);
	default:
		return s->dev->command(s->dev, code, data, count);
	}
}

/* A command's data: in one piece, of the guest's memory or of ours; NULL: it cannot be had. */
static uint8_t *data_of(const struct guest_mem *mem, const struct ccw *ccw, const struct ida *ida)
{
	static uint8_t gathered[IDA_MOST];	/* under the lock */

	if (!ccw->count)
		return gathered;
	if (!(ccw->flags & CCW_INDIRECT))
		return mem_at(mem, ccw->data, ccw->count);
	return ida_read(mem, ida, ccw->data, gathered, ccw->count) ? gathered : NULL;
}

/* Commands whose code is even give data. */
static bool give_back(const struct guest_mem *mem, const struct ccw *ccw, const struct ida *ida,
		      const uint8_t *data, unsigned int n)
{
	if (!(ccw->flags & CCW_INDIRECT) || (ccw->code & 1))
		return true;
	return ida_write(mem, ida, ccw->data, data, n);
}

/* One command; the status when the program ends with it. */
static void execute(const struct guest_mem *mem, struct subchannel *s, const struct ccw *ccw,
		    const struct ida *ida)
{
	struct scsw *status = &s->schib.scsw;
	uint8_t *data = ccw->flags & CCW_UNSERVED ? NULL : data_of(mem, ccw, ida);
	struct ccw_answer answer = { };

	if (data)
		answer = command(s, ccw->code, data, ccw->count);
	if (!data || !give_back(mem, ccw, ida, data, answer.used)) {
		status->channel = PROGRAM_CHECK;
		return;
	}
	status->count = ccw->count - answer.used;
	status->device = CHANNEL_END | DEVICE_END;
	if (answer.sense) {
		s->sense[0] = answer.sense;
		status->device |= UNIT_CHECK;
	} else if (status->count && !(ccw->flags & CCW_SUPPRESS_LENGTH)) {
		status->channel = INCORRECT_LENGTH;
	}
}

static bool failed(const struct scsw *status)
{
	return status->channel || (status->device & UNIT_CHECK);
}

/* To the end, or to the first command that fails. Each word is read once. */
static void run_program(const struct guest_mem *mem, struct subchannel *s, const struct orb *orb)
{
	const struct ida ida = {
		.wide	= orb->flags & ORB_WIDE_IDA,
		.block	= (orb->flags & (ORB_WIDE_IDA | ORB_SMALL_IDA)) == ORB_WIDE_IDA ?
			  4096 : 2048,
	};
	uint32_t at = orb->program;
	struct scsw *status = &s->schib.scsw;
	bool jumped = false;
	unsigned int i;
	struct ccw ccw;

	for (i = 0; i < MAX_CCWS; i++, at += sizeof(ccw)) {
		status->program = at + sizeof(ccw);
		if ((at & 7) || !mem_read(mem, at, &ccw, sizeof(ccw)))
			break;
		if ((ccw.code & 0x0f) == CMD_TRANSFER) {
			if (jumped)
				break;
			jumped = true;
			at = ccw.data - sizeof(ccw);
			continue;
		}
		jumped = false;
		execute(mem, s, &ccw, &ida);
		if (failed(status) || !(ccw.flags & CCW_CHAIN_COMMAND))
			return;
	}
	status->channel = PROGRAM_CHECK;
}

/* ---- instructions, with the lock held; each returns a program interruption's code, or 0 ------ */

struct io {
	struct vcpu		*vcpu;
	const struct insn	*insn;
	struct subchannel	*s;
	unsigned int		cc;
};

/*
 * The second operand, in the guest's own address space. What is wrong with the address is the
 * guest's affair, and KVM has told it when this returns PGM_GIVEN.
 */
static unsigned int operand(const struct io *io, uint32_t op, void *data, unsigned int size)
{
	struct kvm_s390_mem_op access = {
		.gaddr	= insn_address(io->insn),
		.flags	= KVM_S390_MEMOP_F_INJECT_EXCEPTION,
		.size	= size,
		.op	= op,
		.buf	= (uintptr_t)data,
		.ar	= io->insn->ipb >> 28,
	};

	if (access.gaddr & 3)
		return PGM_SPECIFICATION;
	return vcpu_ioctl(io->vcpu, KVM_S390_MEM_OP, "KVM_S390_MEM_OP", &access) ? PGM_GIVEN : 0;
}

static unsigned int store_subchannel(struct io *io)
{
	return operand(io, KVM_S390_MEMOP_LOGICAL_WRITE, &io->s->schib, sizeof(io->s->schib));
}

static unsigned int modify_subchannel(struct io *io)
{
	struct pmcw *p = &io->s->schib.pmcw;
	struct schib new;
	unsigned int code = operand(io, KVM_S390_MEMOP_LOGICAL_READ, &new, sizeof(new));

	if (code)
		return code;
	if (pending(io->s)) {
		io->cc = 1;
		return 0;
	}
	p->parameter = new.pmcw.parameter;
	p->flags = (p->flags & ~PMCW_SET) | (new.pmcw.flags & PMCW_SET);
	p->lpm = new.pmcw.lpm;
	p->mbi = new.pmcw.mbi;
	p->last = new.pmcw.last & PMCW_LAST_SET;
	return 0;
}

static unsigned int start_subchannel(struct io *io)
{
	struct scsw *status = &io->s->schib.scsw;
	struct pmcw *p = &io->s->schib.pmcw;
	struct orb orb;
	unsigned int code = operand(io, KVM_S390_MEMOP_LOGICAL_READ, &orb, sizeof(orb));

	if (code)
		return code;
	if (!(p->flags & PMCW_ENABLED) || !(ORB_PATHS(orb.flags) & THE_PATH)) {
		io->cc = 3;
		return 0;
	}
	if (pending(io->s)) {
		io->cc = 1;
		return 0;
	}
	p->parameter = orb.parameter;
	p->lpum = THE_PATH;
	*status = (struct scsw){ .flags = (orb.flags & SCSW_KEY) | SCSW_START | SCSW_PRIMARY |
					  SCSW_SECONDARY | SCSW_PENDING };
	if (orb.flags & ORB_FORMAT_1) {
		status->flags |= SCSW_FORMAT_1;
		run_program(&io->vcpu->vmm->mem, io->s, &orb);
	} else {
		status->channel = PROGRAM_CHECK;
	}
	if (failed(status))
		status->flags |= SCSW_ALERT;
	interrupt(io->vcpu->vmm, io->s);
	return 0;
}

/* Nothing is ever under way: what is to be ended has ended. */
static unsigned int end_function(struct io *io, uint32_t function)
{
	struct scsw *status = &io->s->schib.scsw;

	if (!(io->s->schib.pmcw.flags & PMCW_ENABLED)) {
		io->cc = 3;
		return 0;
	}
	if (function == SCSW_HALT && pending(io->s)) {
		io->cc = 1;
		return 0;
	}
	*status = (struct scsw){ .flags = function | SCSW_PENDING };
	interrupt(io->vcpu->vmm, io->s);
	return 0;
}

static unsigned int clear_subchannel(struct io *io)
{
	return end_function(io, SCSW_CLEAR);
}

static unsigned int halt_subchannel(struct io *io)
{
	return end_function(io, SCSW_HALT);
}

static unsigned int nothing_to_end(struct io *io)
{
	io->cc = pending(io->s) ? 1 : 2;
	return 0;
}

/* With the sense data, where the guest has asked for them to come at once. */
static void make_irb(struct subchannel *s, struct irb *irb)
{
	*irb = (struct irb){ .scsw = s->schib.scsw, .esw[0] = THE_PATH << 16 };
	if ((s->schib.scsw.device & UNIT_CHECK) && (s->schib.pmcw.last & PMCW_CONCURRENT_SENSE)) {
		irb->scsw.flags |= SCSW_SENSE_IN_ESW | SCSW_EXTENDED_CONTROL;
		irb->esw[1] = ESW_CONCURRENT_SENSE | SENSE_BYTES << ESW_SENSE_COUNT_SHIFT;
		memcpy(irb->ecw, s->sense, SENSE_BYTES);
	}
}

static unsigned int test_subchannel(struct io *io)
{
	struct scsw *status = &io->s->schib.scsw;
	struct irb irb;
	unsigned int code;

	if (!(io->s->schib.pmcw.flags & PMCW_ENABLED)) {
		io->cc = 3;
		return 0;
	}
	make_irb(io->s, &irb);
	code = operand(io, KVM_S390_MEMOP_LOGICAL_WRITE, &irb, sizeof(irb));
	if (code)
		return code;
	io->cc = pending(io->s) ? 0 : 1;
	if (irb.scsw.flags & SCSW_EXTENDED_CONTROL)
		memset(io->s->sense, 0, SENSE_BYTES);
	*status = (struct scsw){ .program = status->program };
	return 0;
}

static const struct {
	uint16_t	code;
	unsigned int	(*serve)(struct io *io);
} instructions[] = {
	{ 0xb230, clear_subchannel },
	{ 0xb231, halt_subchannel },
	{ 0xb232, modify_subchannel },
	{ 0xb233, start_subchannel },
	{ 0xb234, store_subchannel },
	{ 0xb235, test_subchannel },
	{ 0xb238, nothing_to_end },	/* RESUME SUBCHANNEL */
	{ 0xb276, nothing_to_end },	/* CANCEL SUBCHANNEL */
};

static unsigned int serve(struct io *io)
{
	const uint32_t id = io->insn->gpr[1];
	unsigned int i;

	if ((id & 0xfff90000) != ID_ONE)
		return PGM_OPERAND;
	io->s = find(id);
	io->cc = io->s ? 0 : 3;
	for (i = 0; io->s && i < ARRAY_SIZE(instructions); i++)
		if (instructions[i].code == io->insn->ipa)
			return instructions[i].serve(io);
	return 0;
}

unsigned int css_instruction(struct vcpu *vcpu, const struct insn *insn, unsigned int *cc)
{
	struct io io = { .vcpu = vcpu, .insn = insn };
	unsigned int code;

	pthread_mutex_lock(&lock);
	code = serve(&io);
	pthread_mutex_unlock(&lock);
	*cc = io.cc;
	return code;
}

/*
 * KVM has taken the subchannel's interruption, if one was pending, from its list. Where the status
 * stays, so has that.
 */
unsigned int css_test_subchannel(struct vcpu *vcpu, const struct insn *insn, unsigned int *cc)
{
	const struct subchannel *s = find(insn->gpr[1]);
	unsigned int code = css_instruction(vcpu, insn, cc);

	pthread_mutex_lock(&lock);
	if (vcpu->run->s390_tsch.dequeued && s && pending(s))
		interrupt(vcpu->vmm, s);
	pthread_mutex_unlock(&lock);
	return code;
}
