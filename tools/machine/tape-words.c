// SPDX-License-Identifier: GPL-2.0-only
/*
 * Print what an emulated machine writes on its tape, as it comes.
 *
 *	tape-words FILE PID
 *
 * The file is of the AWSTAPE form: blocks, each behind six bytes: its length and that of the block
 * before, both little-endian, and two bytes of flags, of which one marks a tape mark (a block
 * without bytes). The emulator, which is process PID, writes at the end of the file; when it is
 * gone and all is read, so is this program.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HEADER	6

static int put(const uint8_t *data, size_t n)
{
	while (n) {
		ssize_t done = write(STDOUT_FILENO, data, n);

		if (done < 0 && errno != EINTR)
			return -1;
		if (done > 0) {
			data += done;
			n -= done;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	static uint8_t block[HEADER + UINT16_MAX];
	int fd = argc == 3 ? open(argv[1], O_RDONLY) : -1;
	pid_t writer = argc == 3 ? atoi(argv[2]) : 0;
	off_t at = 0;

	if (fd < 0 || writer <= 0)
		return 2;
	for (;;) {
		/* Asked before the file is read: what is not there then will not come. */
		int gone = kill(writer, 0) && errno == ESRCH;
		ssize_t n = pread(fd, block, sizeof(block), at);
		unsigned int length = n >= HEADER ? block[0] | block[1] << 8 : 0;

		if (n < HEADER || n < (ssize_t)(HEADER + length)) {
			if (gone)
				return n != 0;
			usleep(50000);
			continue;
		}
		if (put(block + HEADER, length))
			return 1;
		at += HEADER + length;
	}
}
