// SPDX-License-Identifier: BSD-2-Clause
/*
 * Copyright (C) the vmgen authors
 *
 * Prints what the module would log on a machine with these ACPI tables, line by line, and
 * returns 0 if it found a device there, 1 if not, 2 if that cannot be told. --device adds which
 * one it uses; --memory says what is in memory, where tables read it.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

enum { MAX_TABLES = 64 };

static struct machine_table tables[MAX_TABLES];

/* What is written into memory before anything runs. */
static struct content {
	uint64_t phys;
	uint8_t bytes[256];
	size_t size;
} contents[MAX_TABLES];
static unsigned int n_contents;
static bool show_device;

static void say(void *context, const char *line)
{
	fprintf(context, "%s\n", line);
	/* Who aborts loses what was not written yet. */
	fflush(context);
}

static void say_acpica(void *context, const char *line)
{
	(void)context;
	fprintf(stderr, "ACPICA: %s\n", line);
}

/* Returns: the content, with a zero after it; never NULL. */
static char *read_file(const char *path, size_t *ret_size)
{
	FILE *f = fopen(path, "rb");
	size_t size = 0, room = 1 << 22;
	char *content = malloc(room + 1);

	if (content && f)
		size = fread(content, 1, room, f);
	if (!content || !f || ferror(f) || size == room) {
		fprintf(stderr, "find: %s: %s\n", path, f && content ? "too large, or no file" :
			strerror(errno));
		exit(2);
	}
	fclose(f);
	content[size] = '\0';
	*ret_size = size;
	return content;
}

static void usage(void)
{
	fprintf(stderr, "Usage: find [--iomem FILE] [--phys-bits N] [--revision N] [--reduced]\n"
			"            [--memory ADDRESS=HEX]... [--device] [--verbose] TABLE...\n"
			"       find --version\n");
	exit(2);
}

static void parse_memory(const char *text)
{
	struct content *content = &contents[n_contents];
	unsigned int byte;
	char *end;

	if (n_contents++ == MAX_TABLES)
		usage();
	content->phys = strtoull(text, &end, 16);
	if (*end++ != '=' || content->phys >> 40)
		usage();
	for (; *end; end += 2) {
		if (content->size == sizeof(content->bytes) || sscanf(end, "%2x", &byte) != 1 ||
		    strlen(end) < 2)
			usage();
		content->bytes[content->size++] = byte;
	}
}

static void parse(int argc, char **argv, struct machine *machine)
{
	static const struct option options[] = {
		{ "iomem", required_argument, NULL, 'i' },
		{ "phys-bits", required_argument, NULL, 'p' },
		{ "revision", required_argument, NULL, 'r' },
		{ "reduced", no_argument, NULL, 'R' },
		{ "memory", required_argument, NULL, 'm' },
		{ "device", no_argument, NULL, 'd' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 }
	};
	size_t size;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'i')
			machine->iomem = read_file(optarg, &size);
		else if (option == 'p')
			machine->phys_bits = atoi(optarg);
		else if (option == 'r')
			machine->revision = atoi(optarg);
		else if (option == 'R')
			machine->reduced = true;
		else if (option == 'm')
			parse_memory(optarg);
		else if (option == 'd')
			show_device = true;
		else if (option == 'v')
			machine->acpica_log = say_acpica;
		else if (option == 'V')
			exit(printf("%s\n", machine_version()) < 0);
		else
			usage();
	}
	if (optind == argc || argc - optind > MAX_TABLES)
		usage();
	for (; optind < argc; optind++) {
		tables[machine->n_tables].data = read_file(argv[optind], &size);
		tables[machine->n_tables++].size = size;
	}
}

static void print_device(void)
{
	uint8_t id[16];
	int i;

	machine_id(id);
	printf("device %s at %#llx: ", machine_device(), (unsigned long long)machine_address());
	for (i = 0; i < 16; i++)
		printf("%02x", id[i]);
	printf("\n");
}

int main(int argc, char **argv)
{
	struct machine machine = { .tables = tables, .log = say, .context = stdout };
	unsigned int i;
	int err;

	parse(argc, argv, &machine);
	err = machine_start(&machine);
	if (err) {
		fprintf(stderr, "find: %s\n", err == -EINVAL ?
			"the memory map cannot be read, or shows no addresses: root must read it" :
			"ACPICA does not start with these tables");
		return 2;
	}
	for (i = 0; i < n_contents; i++)
		machine_write(contents[i].phys, contents[i].bytes, contents[i].size);
	err = machine_find();
	if (!err && show_device)
		print_device();
	machine_release();
	machine_stop();
	while (machine.n_tables)
		free((void *)tables[--machine.n_tables].data);
	free((void *)machine.iomem);
	return err ? 1 : 0;
}
