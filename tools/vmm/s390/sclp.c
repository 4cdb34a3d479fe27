// SPDX-License-Identifier: GPL-2.0-only
/* The service-call logical processor: see sclp.h. */
#include <string.h>
#include "s390/machine.h"
#include "s390/sclp.h"
#include "util.h"

#define SCCB_MAX	4096
#define SCCB_HEADER	8

enum {
	READ_CPU_INFO		= 0x00010001,
	READ_SCP_INFO		= 0x00020001,
	READ_SCP_INFO_FORCED	= 0x00120001,
	WRITE_EVENT_DATA	= 0x00760005,
	READ_EVENT_DATA		= 0x00770005,
	WRITE_EVENT_MASK	= 0x00780005,
};

/* How a block is answered. */
enum {
	DONE			= 0x0010,	/* of commands that read */
	DONE_EVENTS		= 0x0020,	/* of those that deal with events */
	CROSSES_PAGE		= 0x0100,
	NO_SUCH_COMMAND		= 0x01f0,
	TOO_SHORT		= 0x0300,
	NO_EVENTS		= 0x60f0,
	BAD_LENGTHS		= 0x72f0,
	NO_SUCH_EVENT		= 0x73f0,
	BAD_MASK_LENGTH		= 0x74f0,
};

#define EVENT_ASCII	0x1a
#define EVENT_BIT(type)	(1ULL << (64 - (type)))
#define EVENT_TAKEN	0x80
#define VARIABLE_LENGTH	0x80	/* the control mask's last byte: the answer may be shorter */
#define SESSION_DATA	0	/* first byte of an ASCII input event */

#define FACILITY_CPU_INFO	0x0800000000000000ULL

struct header {
	uint16_t	length;
	uint8_t		function;
	uint8_t		control[3];
	uint16_t	response;
};

struct event {
	uint16_t	length;
	uint8_t		type;
	uint8_t		flags;
	uint16_t	reserved;
	uint8_t		data[];
};

struct cpu_entry {
	uint8_t		address;
	uint8_t		reserved[13];
	uint8_t		type;
	uint8_t		reserved2;
};

/* Of the machine: its memory in increments, its CPUs. */
struct scp_info {
	struct header	header;
	uint16_t	increments;
	uint8_t		increment_mib;
	uint8_t		reserved1[5];
	uint16_t	n_cpus;
	uint16_t	cpus_at;
	uint8_t		reserved2[4];
	uint8_t		load_parameter[8];
	uint8_t		reserved3[16];
	uint64_t	facilities;
	uint8_t		reserved4[44];
	uint32_t	increment_mib_long;
	uint64_t	increments_long;
	uint8_t		reserved5[16];
	struct cpu_entry cpu[];
};

static_assert(offsetof(struct scp_info, facilities) == 48, "as the guest reads it");
static_assert(offsetof(struct scp_info, increments_long) == 104, "as the guest reads it");
static_assert(offsetof(struct scp_info, cpu) == 128, "as the guest reads it");

struct cpu_info {
	struct header	header;
	uint16_t	n_configured, configured_at;
	uint16_t	n_standby, standby_at;
	struct cpu_entry cpu[];
};

struct event_mask {
	struct header	header;
	uint16_t	reserved;
	uint16_t	length;		/* of each of the four masks, in bytes */
	uint8_t		masks[];	/* what the guest receives and sends; then what we do */
};

/* A block, and the length that the guest gave it: nothing behind it is read or written. */
union block {
	struct header		header;
	struct scp_info		scp;
	struct cpu_info		cpus;
	struct event_mask	mask;
	uint8_t			bytes[SCCB_MAX];
};

void sclp_init(struct sclp *s)
{
	pthread_mutex_init(&s->lock, NULL);
}

static void fill_cpus(const struct sclp *s, struct cpu_entry *cpu)
{
	unsigned int i;

	for (i = 0; i < s->cpus; i++)
		cpu[i] = (struct cpu_entry){ .address = i };
}

static uint16_t read_scp_info(struct sclp *s, union block *b)
{
	struct scp_info *info = &b->scp;
	const uint64_t mib = s->memory >> 20;

	if (info->header.length < sizeof(*info) + s->cpus * sizeof(info->cpu[0]))
		return TOO_SHORT;
	memset(&info->header + 1, 0, info->header.length - SCCB_HEADER);
	info->increments = mib <= UINT16_MAX ? mib : 0;
	info->increments_long = mib <= UINT16_MAX ? 0 : mib;
	info->increment_mib = 1;
	info->n_cpus = s->cpus;
	info->cpus_at = sizeof(*info);
	/* Blanks. */
	memset(info->load_parameter, 0x40, sizeof(info->load_parameter));
	info->facilities = FACILITY_CPU_INFO;
	fill_cpus(s, info->cpu);
	return DONE;
}

static uint16_t read_cpu_info(struct sclp *s, union block *b)
{
	struct cpu_info *info = &b->cpus;
	const unsigned int size = s->cpus * sizeof(info->cpu[0]);

	if (info->header.length < sizeof(*info) + size)
		return TOO_SHORT;
	memset(&info->header + 1, 0, info->header.length - SCCB_HEADER);
	info->n_configured = s->cpus;
	info->configured_at = sizeof(*info);
	info->standby_at = sizeof(*info) + size;
	fill_cpus(s, info->cpu);
	return DONE;
}

/* A mask of any length: bits behind the first 64 are of types that nobody has. */
static uint64_t get_mask(const uint8_t *bytes, unsigned int length)
{
	uint64_t mask = 0;

	memcpy(&mask, bytes, length < sizeof(mask) ? length : sizeof(mask));
	return mask;
}

static void put_mask(uint8_t *bytes, unsigned int length, uint64_t mask)
{
	memset(bytes, 0, length);
	memcpy(bytes, &mask, length < sizeof(mask) ? length : sizeof(mask));
}

static uint16_t write_event_mask(struct sclp *s, union block *b)
{
	struct event_mask *m = &b->mask;
	const unsigned int n = m->length;

	if (m->header.length < sizeof(*m))
		return TOO_SHORT;
	if (!n || sizeof(*m) + 4 * n > m->header.length)
		return BAD_MASK_LENGTH;
	pthread_mutex_lock(&s->lock);
	s->guest_receives = get_mask(m->masks, n);
	pthread_mutex_unlock(&s->lock);
	put_mask(m->masks + 2 * n, n, EVENT_BIT(EVENT_ASCII));
	put_mask(m->masks + 3 * n, n, EVENT_BIT(EVENT_ASCII));
	s->room();
	return DONE_EVENTS;
}

/* All events have to be whole before the first is taken. */
static bool events_fit(const union block *b)
{
	unsigned int at = SCCB_HEADER, length = 0;

	for (; at < b->header.length; at += length) {
		if (b->header.length - at < sizeof(struct event))
			return false;
		length = ((const struct event *)(b->bytes + at))->length;
		if (length < sizeof(struct event) || length > b->header.length - at)
			return false;
	}
	return at > SCCB_HEADER;
}

static uint16_t write_events(struct sclp *s, union block *b)
{
	uint16_t response = DONE_EVENTS;
	struct event *e;
	unsigned int at;

	if (!events_fit(b))
		return BAD_LENGTHS;
	for (at = SCCB_HEADER; at < b->header.length; at += e->length) {
		e = (struct event *)(b->bytes + at);
		if (e->type == EVENT_ASCII) {
			s->send(e->data, e->length - sizeof(*e));
			e->flags |= EVENT_TAKEN;
		} else {
			response = NO_SUCH_EVENT;
		}
	}
	return response;
}

static bool pending(const struct sclp *s)
{
	return s->n_input && (s->guest_receives & EVENT_BIT(EVENT_ASCII));
}

bool sclp_pending(struct sclp *s)
{
	bool yes;

	pthread_mutex_lock(&s->lock);
	yes = pending(s);
	pthread_mutex_unlock(&s->lock);
	return yes;
}

/* As much input as fits, in one event. */
static uint16_t read_events(struct sclp *s, union block *b)
{
	struct event *e = (struct event *)(b->bytes + SCCB_HEADER);
	const size_t before = SCCB_HEADER + sizeof(*e) + 1;
	uint16_t response = NO_EVENTS;
	size_t n;

	if (b->header.length <= before)
		return TOO_SHORT;
	pthread_mutex_lock(&s->lock);
	if (pending(s)) {
		n = b->header.length - before;
		if (n > s->n_input)
			n = s->n_input;
		*e = (struct event){ .length = sizeof(*e) + 1 + n, .type = EVENT_ASCII };
		e->data[0] = SESSION_DATA;
		memcpy(e->data + 1, s->input, n);
		s->n_input -= n;
		memmove(s->input, s->input + n, s->n_input);
		memset(b->bytes + before + n, 0, b->header.length - before - n);
		if (b->header.control[2] & VARIABLE_LENGTH)
			b->header.length = before + n;
		response = DONE_EVENTS;
	}
	pthread_mutex_unlock(&s->lock);
	s->room();
	return response;
}

static const struct {
	uint32_t	command;
	uint16_t	(*serve)(struct sclp *s, union block *b);
} commands[] = {
	{ READ_CPU_INFO,	read_cpu_info },
	{ READ_SCP_INFO,	read_scp_info },
	{ READ_SCP_INFO_FORCED,	read_scp_info },
	{ WRITE_EVENT_DATA,	write_events },
	{ READ_EVENT_DATA,	read_events },
	{ WRITE_EVENT_MASK,	write_event_mask },
};

static uint16_t serve(struct sclp *s, uint32_t command, union block *b)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i].command == command)
			return commands[i].serve(s, b);
	return NO_SUCH_COMMAND;
}

unsigned int sclp_service(struct sclp *s, uint32_t command, uint64_t sccb)
{
	union block b;
	unsigned int length;

	/* In the first 2 GiB, on a doubleword. */
	if (sccb & ~0x7ffffff8ULL)
		return PGM_SPECIFICATION;
	if (!mem_read(s->mem, sccb, &b.header, sizeof(b.header)))
		return PGM_ADDRESSING;
	length = b.header.length;
	if (length < SCCB_HEADER)
		return PGM_SPECIFICATION;
	if ((sccb & (SCCB_MAX - 1)) + length > SCCB_MAX) {
		b.header.response = CROSSES_PAGE;
		mem_write(s->mem, sccb, &b.header, sizeof(b.header));
		return 0;
	}
	/* The header again would be another one. */
	if (length > SCCB_HEADER &&
	    !mem_read(s->mem, sccb + SCCB_HEADER, b.bytes + SCCB_HEADER, length - SCCB_HEADER))
		return PGM_ADDRESSING;
	b.header.response = serve(s, command, &b);
	mem_write(s->mem, sccb, &b, length);
	return 0;
}

size_t sclp_input(void *dev, const uint8_t *data, size_t n)
{
	struct sclp *s = dev;
	bool tell = false;

	pthread_mutex_lock(&s->lock);
	/* What comes before the guest has a console waits outside. */
	if (!(s->guest_receives & EVENT_BIT(EVENT_ASCII)))
		n = 0;
	if (n > SCLP_INPUT - s->n_input)
		n = SCLP_INPUT - s->n_input;
	memcpy(s->input + s->n_input, data, n);
	s->n_input += n;
	tell = n;
	pthread_mutex_unlock(&s->lock);
	if (tell)
		s->attention(s->ctx);
	return n;
}
