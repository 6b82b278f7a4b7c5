/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * ktls: keeps a TCP connection with TLS in the kernel. Prints "ready" and goes on.
 */
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef TCP_ULP
#define TCP_ULP 31
#endif
#ifndef SOL_TLS
#define SOL_TLS 282
#endif

static void need(int r, const char *what)
{
	if (r < 0) {
		perror(what);
		exit(1);
	}
}

int main(void)
{
	struct tls12_crypto_info_aes_gcm_128 keys = {
		.info = { .version = TLS_1_2_VERSION, .cipher_type = TLS_CIPHER_AES_GCM_128 },
	};
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t size = sizeof(address);
	int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	need(bind(server, (struct sockaddr *)&address, size), "bind");
	need(listen(server, 1), "listen");
	need(getsockname(server, (struct sockaddr *)&address, &size), "getsockname");
	need(connect(client, (struct sockaddr *)&address, size), "connect");
	need(setsockopt(client, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")), "TCP_ULP");
	need(setsockopt(client, SOL_TLS, TLS_TX, &keys, sizeof(keys)), "TLS_TX");
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}
