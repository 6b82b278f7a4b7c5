/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * talker FILE ADDRESS PORT [ktls | OWN-PORT]
 *
 * Connects, and sends random bytes without end, fifty times a second; with ktls as records of
 * TLS 1.2 that the kernel encrypts with AES-GCM under a key that is no secret. FILE gets the
 * name of the error that ends it. Only IPv4 knows OWN-PORT.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BYTES = 32, PAUSE_US = 20000 };

static int give_up(const char *path, const char *what)
{
	FILE *file = fopen(path, "w");

	if (file) {
		fprintf(file, "%s: %s\n", what, strerrorname_np(errno));
		fclose(file);
	}
	return 1;
}

static int use_port(int fd, const char *port)
{
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };
	int on = 1;

	return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	       bind(fd, (struct sockaddr *)&own, sizeof(own)) ? -1 : 0;
}

static int connect_to(const char *address, const char *port, const char *own_port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = v4.sin_port };
	int on = 1, fd;

	if (inet_pton(AF_INET, address, &v4.sin_addr) == 1) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		if ((own_port && use_port(fd, own_port)) ||
		    connect(fd, (struct sockaddr *)&v4, sizeof(v4)))
			return -1;
	} else {
		fd = socket(AF_INET6, SOCK_STREAM, 0);
		if (inet_pton(AF_INET6, address, &v6.sin6_addr) != 1 ||
		    connect(fd, (struct sockaddr *)&v6, sizeof(v6)))
			return -1;
	}
	/* One record for each segment, and one segment for each record. */
	return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ? -1 : fd;
}

static int use_ktls(int fd)
{
	struct tls12_crypto_info_aes_gcm_128 info = {
		.info = { .version = TLS_1_2_VERSION, .cipher_type = TLS_CIPHER_AES_GCM_128 },
		.key = "no secret here", .salt = "abc",
	};

	return setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")) ||
	       setsockopt(fd, SOL_TLS, TLS_TX, &info, sizeof(info)) ? -1 : 0;
}

int main(int argc, char **argv)
{
	char bytes[BYTES];
	bool ktls;
	int fd;

	if (argc < 4)
		return 2;
	ktls = argc > 4 && !strcmp(argv[4], "ktls");
	fd = connect_to(argv[2], argv[3], argc > 4 && !ktls ? argv[4] : NULL);
	if (fd < 0)
		return give_up(argv[1], "connect");
	if (ktls && use_ktls(fd))
		return give_up(argv[1], "ktls");
	for (;;) {
		if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
			return give_up(argv[1], "getrandom");
		if (send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) < 0)
			return give_up(argv[1], "send");
		usleep(PAUSE_US);
	}
}
