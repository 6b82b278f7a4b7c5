/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * listen TYPE PORT: a host in the guest, by vsock_loopback: prints each message that
 * comes, after a line with the port that it comes from. TYPE: stream or seqpacket.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/vm_sockets.h>

static int give_up(const char *what)
{
	perror(what);
	return 1;
}

static void print_message(int fd)
{
	char text[4096];
	ssize_t n;

	while ((n = recv(fd, text, sizeof(text), 0)) > 0)
		(void)fwrite(text, 1, n, stdout);
}

int main(int argc, char **argv)
{
	struct sockaddr_vm own = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_LOCAL }, peer;
	socklen_t size = sizeof(peer);
	int fd, connection;

	if (argc != 3) {
		fprintf(stderr, "usage: listen stream|seqpacket PORT\n");
		return 2;
	}
	own.svm_port = strtoul(argv[2], NULL, 10);
	fd = socket(AF_VSOCK, strcmp(argv[1], "stream") ? SOCK_SEQPACKET : SOCK_STREAM, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof(own)) || listen(fd, 4))
		return give_up("listen");
	puts("ready");
	fflush(stdout);
	while ((connection = accept(fd, (struct sockaddr *)&peer, &size)) >= 0) {
		printf("from %u\n", peer.svm_port);
		print_message(connection);
		puts("end");
		fflush(stdout);
		close(connection);
	}
	return give_up("accept");
}
