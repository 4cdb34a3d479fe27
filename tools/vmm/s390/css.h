/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The channel subsystem: subchannels, and the channel programs that devices are spoken to by
 * (Principles of Operation, chapters 13 to 17).
 *
 * One subchannel set, one path, one device a subchannel, of the number of its subchannel. A device
 * answers each command at once, so a channel program has ended when the instruction that starts it
 * has, and the guest learns of it by an interruption like any other. The lock guards all
 * subchannels; a device's own comes behind it.
 */
#ifndef S390_CSS_H
#define S390_CSS_H

#include "s390/machine.h"

#define MAX_SUBCHANNELS	8
#define SENSE_BYTES	32

/* First byte of sense data. */
#define SENSE_COMMAND_REJECT	0x80

/* What a device makes of a command. */
struct ccw_answer {
	unsigned int	used;		/* bytes of the data that it took or gave */
	uint8_t		sense;		/* first byte of sense data: the command has failed */
};

struct ccw_device {
	uint16_t	cu_type;	/* what SENSE ID says */
	uint8_t		cu_model;
	/* A command that is not every device's. @data are @count bytes of the guest's memory. */
	struct ccw_answer (*command)(struct ccw_device *dev, uint8_t code, uint8_t *data,
				     unsigned int count);
};

/* Before the guest runs. Returns the word that names the device's subchannel. */
uint32_t css_add(struct vmm *vm, struct ccw_device *dev);
bool css_empty(void);

/* A device has something to say that nobody has asked for. From any thread. */
void css_attention(struct vmm *vm, struct ccw_device *dev);

/* The device at a subsystem identification word; NULL when there is none. */
struct ccw_device *css_device(uint32_t id);

/*
 * I/O instructions. Like those of machine.c each returns 0 or the code of the program interruption
 * that ends it, with the condition code in *cc.
 */
unsigned int css_instruction(struct vcpu *vcpu, const struct insn *insn, unsigned int *cc);

/* TEST SUBCHANNEL, which KVM tells of by an exit of its own. */
unsigned int css_test_subchannel(struct vcpu *vcpu, const struct insn *insn, unsigned int *cc);

#endif
