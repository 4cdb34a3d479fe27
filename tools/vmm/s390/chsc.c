// SPDX-License-Identifier: GPL-2.0-only
/* Channel-subsystem calls: see chsc.h. */
#include <endian.h>
#include <string.h>
#include "s390/chsc.h"
#include "util.h"

#define PAGE	4096U

struct chsc_block {
	uint16_t	length, code;	/* a request's command, a response's success */
};

enum {
	CHARACTERISTICS	= 0x0010,
};

enum {
	DONE		= 1,
	NO_SUCH		= 2,
	BAD_LENGTH	= 3,
};

static const struct {
	uint16_t	command, length, answer;	/* lengths of request and response */
} commands[] = {
	{ CHARACTERISTICS, 16, PAGE - 16 },
};

/* How it goes, and the response's length. */
static uint16_t look(const struct chsc_block *request, uint16_t *length)
{
	unsigned int i;

	*length = 8;
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (commands[i].command != be16toh(request->code))
			continue;
		if (commands[i].length != be16toh(request->length))
			return BAD_LENGTH;
		*length = commands[i].answer;
		return DONE;
	}
	return NO_SUCH;
}

bool chsc_serve(const struct guest_mem *mem, uint64_t page)
{
	struct chsc_block request;
	uint8_t answer[PAGE] = { };
	uint16_t length, code;
	unsigned int at;

	if (!mem_read(mem, page, &request, sizeof(request)))
		return false;
	at = be16toh(request.length);
	code = look(&request, &length);
	if (at < 8 || (at & 7) || at > PAGE - length)
		return false;
	memcpy(answer, &(struct chsc_block){ htobe16(length), htobe16(code) }, sizeof(request));
	return mem_write(mem, page + at, answer, length);
}
