/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * chatter ADDRESS [COUNT TEXT]: sends small UDP packets: COUNT times TEXT, or for ever
 * and as fast as it can random numbers, of which each clone has others.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "broken.h"

enum { DISCARD = 9, TEXT = 64, NUMBERS = 32 };

int main(int argc, char *argv[])
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(DISCARD) };
	char said[TEXT] = "";
	size_t size = argc == 4 ? TEXT : NUMBERS;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if ((argc != 2 && argc != 4) || fd < 0 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		broken("usage: chatter ADDRESS [COUNT TEXT]");
	if (argc == 4)
		strncpy(said, argv[3], TEXT - 1);
	for (long left = argc == 4 ? atol(argv[2]) : -1; left; left -= left > 0) {
		if (argc == 2 && getrandom(said, NUMBERS, 0) != NUMBERS)
			broken("no random numbers");
		/* What does not leave is nothing to it: a tunnel without a key takes nothing. */
		sendto(fd, said, size, 0, (struct sockaddr *)&to, sizeof(to));
	}
	return 0;
}
