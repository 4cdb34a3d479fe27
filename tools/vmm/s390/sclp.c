// SPDX-License-Identifier: GPL-2.0-only
/* The service-call logical processor: see sclp.h. */
#include <string.h>
#include "s390/ebcdic.h"
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

#define EVENT_COMMAND	0x01		/* of the operator's console, in */
#define EVENT_MESSAGE	0x02		/* and out */
#define EVENT_ASCII	0x1a
#define EVENT_BIT(type)	(1ULL << (64 - (type)))
#define EVENT_TAKEN	0x80
#define VARIABLE_LENGTH	0x80	/* the control mask's last byte: the answer may be shorter */
#define SESSION_DATA	0	/* first byte of an ASCII input event */
#define BACKSPACE	0x08
#define DELETE		0x7f

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

/*
 * The data of a message: a header, then objects, each with its length and a type; an object with
 * text is a line, in EBCDIC.
 */
struct message {
	uint16_t	length;
	uint16_t	type;
	uint32_t	tag;
	uint32_t	revision;
};

struct object {
	uint16_t	length;
	uint16_t	type;
};

#define MESSAGE_TAG	0xd4c4c240	/* "MDB " */
#define OBJECT_TEXT	4
#define TEXT_AT		10		/* in its object: flags and an alarm are before it */

/*
 * The data of a command: vectors within each other, then subvectors, the innermost of which is the
 * line. Each has its length, which is with what lies in it.
 */
struct vector {
	uint16_t	length;
	uint16_t	id;
};

struct subvector {
	uint8_t		length;
	uint8_t		key;
};

struct command {
	struct vector		services_unit;		/* MDS-MU */
	struct vector		message_unit;		/* CP-MSU */
	struct vector		text_command;
	struct subvector	message;
	struct subvector	line;
	uint8_t			text[];
};

#define VECTOR_SERVICES_UNIT	0x1310
#define VECTOR_MESSAGE_UNIT	0x1212
#define VECTOR_TEXT_COMMAND	0x1320
#define KEY_MESSAGE		0x31
#define KEY_LINE		0x30
#define LINE_MOST		240	/* a subvector's length is a byte */

static_assert(sizeof(struct command) == 16, "nothing lies between the parts");

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

static unsigned int input_type(const struct sclp *s)
{
	return s->operator ? EVENT_COMMAND : EVENT_ASCII;
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
	put_mask(m->masks + 2 * n, n, EVENT_BIT(EVENT_ASCII) | EVENT_BIT(EVENT_MESSAGE));
	put_mask(m->masks + 3 * n, n, EVENT_BIT(input_type(s)));
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

static void send_line(struct sclp *s, uint8_t *text, unsigned int n)
{
	ebcdic_to_ascii(text, n);
	s->send(text, n);
	s->send((const uint8_t *)"\r\n", 2);
}

/* The lines of a message, up to what is no object. */
static void send_message(struct sclp *s, struct event *e)
{
	const unsigned int end = e->length - sizeof(*e);
	unsigned int at = sizeof(struct message);
	struct message m;
	struct object o;

	if (end < sizeof(m))
		return;
	memcpy(&m, e->data, sizeof(m));
	if (m.tag != MESSAGE_TAG)
		return;
	for (; end - at >= sizeof(o); at += o.length) {
		memcpy(&o, e->data + at, sizeof(o));
		if (o.length < sizeof(o) || o.length > end - at)
			return;
		if (o.type == OBJECT_TEXT && o.length >= TEXT_AT)
			send_line(s, e->data + at + TEXT_AT, o.length - TEXT_AT);
	}
}

static void write_event(struct sclp *s, struct event *e)
{
	if (e->type == EVENT_ASCII)
		s->send(e->data, e->length - sizeof(*e));
	else
		send_message(s, e);
	e->flags |= EVENT_TAKEN;
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
		if (e->type == EVENT_ASCII || e->type == EVENT_MESSAGE)
			write_event(s, e);
		else
			response = NO_SUCH_EVENT;
	}
	return response;
}

static bool ends_line(uint8_t byte)
{
	return byte < ' ' && byte != '\t';
}

/* How many bytes of the input are its next piece of a line; -1: it has no end yet. */
static int piece_length(const struct sclp *s)
{
	size_t i;

	for (i = 0; i < s->n_input; i++)
		if (i == LINE_MOST - 2 || ends_line(s->input[i]))
			return i;
	return -1;
}

static bool pending(const struct sclp *s)
{
	if (!s->n_input || !(s->guest_receives & EVENT_BIT(input_type(s))))
		return false;
	return !s->operator || piece_length(s) >= 0;
}

bool sclp_pending(struct sclp *s)
{
	bool yes;

	pthread_mutex_lock(&s->lock);
	yes = pending(s);
	pthread_mutex_unlock(&s->lock);
	return yes;
}

static void drop_input(struct sclp *s, size_t n)
{
	s->n_input -= n;
	memmove(s->input, s->input + n, s->n_input);
}

/* As much input as fits into @room bytes; the event's length. */
static size_t put_session(struct sclp *s, struct event *e, size_t room)
{
	size_t n = room - sizeof(*e) - 1;

	if (n > s->n_input)
		n = s->n_input;
	*e = (struct event){ .length = sizeof(*e) + 1 + n, .type = EVENT_ASCII };
	e->data[0] = SESSION_DATA;
	memcpy(e->data + 1, s->input, n);
	drop_input(s, n);
	return e->length;
}

/* The next piece of a line, at most LINE_MOST bytes, out of the input. */
static size_t take_piece(struct sclp *s, char *text)
{
	const size_t n = piece_length(s);
	const uint8_t end = s->input[n];

	if (!n && ends_line(end) && end != '\n') {
		text[0] = '^';
		text[1] = end | 0x60;
		drop_input(s, 1);
		return 2;
	}
	memcpy(text, s->input, n);
	if (end == '\n') {
		drop_input(s, n + 1);
		return n;
	}
	memcpy(text + n, "^n", 2);
	drop_input(s, n);
	return n + 2;
}

/* One piece of a line; the event's length. */
static size_t put_command(struct sclp *s, struct event *e)
{
	struct command *c = (struct command *)e->data;
	char text[LINE_MOST];
	const size_t n = take_piece(s, text), length = sizeof(*c) + n;

	*e = (struct event){ .length = sizeof(*e) + length, .type = EVENT_COMMAND };
	*c = (struct command){
		.services_unit	= { length, VECTOR_SERVICES_UNIT },
		.message_unit	= { length - offsetof(struct command, message_unit),
				    VECTOR_MESSAGE_UNIT },
		.text_command	= { length - offsetof(struct command, text_command),
				    VECTOR_TEXT_COMMAND },
		.message	= { length - offsetof(struct command, message), KEY_MESSAGE },
		.line		= { length - offsetof(struct command, line), KEY_LINE },
	};
	ascii_to_ebcdic(c->text, n, text);
	return e->length;
}

static uint16_t read_events(struct sclp *s, union block *b)
{
	struct event *e = (struct event *)(b->bytes + SCCB_HEADER);
	const size_t least = sizeof(*e) + (s->operator ? sizeof(struct command) + LINE_MOST : 2);
	uint16_t response = NO_EVENTS;
	size_t room, n;

	if (b->header.length < SCCB_HEADER + least)
		return TOO_SHORT;
	room = b->header.length - SCCB_HEADER;
	pthread_mutex_lock(&s->lock);
	if (pending(s)) {
		n = s->operator ? put_command(s, e) : put_session(s, e, room);
		memset((uint8_t *)e + n, 0, room - n);
		if (b->header.control[2] & VARIABLE_LENGTH)
			b->header.length = SCCB_HEADER + n;
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

static void add_session(struct sclp *s, const uint8_t *data, size_t n)
{
	memcpy(s->input + s->n_input, data, n);
	s->n_input += n;
}

/* A key of a terminal ends a line by a return. */
static void add_line(struct sclp *s, const uint8_t *data, size_t n)
{
	for (; n; data++, n--) {
		if (*data != BACKSPACE && *data != DELETE)
			s->input[s->n_input++] = *data == '\r' ? '\n' : *data;
		else if (s->n_input && !ends_line(s->input[s->n_input - 1]))
			s->n_input--;
	}
}

size_t sclp_input(void *dev, const uint8_t *data, size_t n)
{
	struct sclp *s = dev;
	bool tell;

	pthread_mutex_lock(&s->lock);
	/* What comes before the guest has a console waits outside. */
	if (!(s->guest_receives & EVENT_BIT(input_type(s))))
		n = 0;
	if (n > SCLP_INPUT - s->n_input)
		n = SCLP_INPUT - s->n_input;
	(s->operator ? add_line : add_session)(s, data, n);
	tell = n && pending(s);
	pthread_mutex_unlock(&s->lock);
	if (tell)
		s->attention(s->ctx);
	return n;
}
