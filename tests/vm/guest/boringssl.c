/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * boringssl LIBRARY: draws from BoringSSL, which knows nothing of vmgen. Prints "ready", and
 * then for each byte on standard input DRAWS numbers of 8 bytes, one a line, and "done".
 */
#include <dlfcn.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

enum { DRAWS = 100 };

int main(int argc, char **argv)
{
	void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
	int (*draw)(uint8_t *buffer, size_t size);
	uint64_t number;
	char byte;
	int i;

	if (!library) {
		printf("%s\n", argc == 2 ? dlerror() : "usage: boringssl LIBRARY");
		return 1;
	}
	*(void **)&draw = dlsym(library, "RAND_bytes");
	/* Seeded before the snapshot. */
	if (!draw || draw((uint8_t *)&number, sizeof(number)) != 1)
		return 1;
	printf("ready\n");
	while (!fflush(stdout) && read(STDIN_FILENO, &byte, 1) == 1) {
		for (i = 0; i < DRAWS; i++)
			if (draw((uint8_t *)&number, sizeof(number)) == 1)
				printf("%016" PRIx64 "\n", number);
		printf("done\n");
	}
	return 0;
}
