/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What firmware and the hypervisor show beside the ID: the UUID and the addresses of this
 * machine, the mark in an EFI variable, and the time of a VMClock. What is noted of them is
 * read again as the same, and a time that is told is one.
 *
 * Input: the UUID, two addresses, the variable, then a counter and a page, as parts.h has them.
 */
#include <errno.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "hooks/pageclock.h"
#include "parts.h"
#include "place.h"
#include "record/machine.h"
#include "record/markstore.h"

#define NET	PLACE "/class/net"
#define EFI	PLACE "/firmware/efi/efivars"

enum { VARIABLE = 3, PAGE = 4, N_PARTS = 5 };

static const char *const files[PAGE] = {
	PLACE "/class/dmi/id/product_uuid", NET "/eth0/address", NET "/eth1/address",
	EFI "/VmgenShutdown-d456c82c-d0dc-4701-bdd6-404c2156283b",
};

static void try_machine(void)
{
	struct json_object *json = json_object_new_object(), *member;
	struct machine machine, again;

	memset(&machine, 0xa5, sizeof(machine));
	machine_look(PLACE, &machine);
	demand(machine.n_macs <= 2);
	demand(machine.n_macs < 2 || strcmp(machine.macs[0], machine.macs[1]) < 0);
	demand(!machine_add_json(&machine, json, "machine"));
	if (json_object_object_get_ex(json, "machine", &member)) {
		demand(!machine_from_json(member, &again));
		demand(!strcmp(machine.product_uuid, again.product_uuid) &&
		       machine.n_macs == again.n_macs &&
		       !memcmp(machine.macs, again.macs, machine.n_macs * MACHINE_MAC_SIZE));
		demand(strcmp(machine_hint(&again, &machine), "clone") && machine_may_be(&again, &machine));
		demand(!machine_note(&again, &machine));
	}
	json_object_put(json);
}

/* As a variable of efivarfs is made, where the file system in its place has such a flag. */
static void unprotect(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), flags = 0;

	demand(fd >= 0);
	(void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
	close(fd);
}

static void try_mark(const char *variable)
{
	const struct mark_place place = { .sysfs = PLACE, .runtime_dir = PLACE };
	const struct markstore *store = markstore_named("efi");
	char mark[MARK_SIZE] = "untouched", again[MARK_SIZE];
	int r = store->get(&place, mark);

	demand(r ? !strcmp(mark, "untouched") : mark_valid(mark));
	demand((r == -ENOENT) == !variable);
	if (r)
		return;
	demand(!strncmp(variable + 4, mark, MARK_SIZE - 1));
	demand(!store->put(&place, mark) && !store->get(&place, again) && !strcmp(mark, again));
	unprotect(files[VARIABLE]);
}

/* Nobody computes with more seconds than half of what 64 bits of nanoseconds hold. */
static void try_page(const char *data, size_t size)
{
	struct { uint64_t counter; struct vmclock_page page; } input;
	int64_t told = 4711;
	int r;

	if (size < sizeof(input))
		return;
	memcpy(&input, data, sizeof(input));
	r = pageclock_tell(&input.page, input.counter, &told);
	demand(!r || told == 4711);
	demand(told < INT64_MAX / 2 + 2000000000 && told > -INT64_MAX / 2 - 2000000000);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const ways[] = {
		PLACE "/class", PLACE "/class/dmi", PLACE "/class/dmi/id", NET, NET "/eth0",
		NET "/eth1", NET "/eth0/device", NET "/eth1/device", PLACE "/firmware",
		PLACE "/firmware/efi", EFI,
	};
	size_t i;

	(void)argc;
	(void)argv;
	place_create();
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		place_mkdir(ways[i]);
	place_write(NET "/eth0/addr_assign_type", "0\n", 2);
	place_write(NET "/eth1/addr_assign_type", "0\n", 2);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct parts parts = { data, size };
	int before = count_descriptors();
	char *texts[N_PARTS];
	size_t i, length = 0;

	for (i = 0; i < N_PARTS; i++) {
		texts[i] = part_take(&parts, &length);
		if (i < PAGE)
			place_write(files[i], texts[i], length);
	}
	try_machine();
	try_mark(texts[VARIABLE]);
	if (texts[PAGE])
		try_page(texts[PAGE], length);
	for (i = 0; i < N_PARTS; i++)
		free(texts[i]);
	demand(count_descriptors() == before);
	return 0;
}
