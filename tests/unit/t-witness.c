/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Which witness is taken where some are missing, and what it shows. The devices
 * are this program's.
 */
#include <errno.h>

#include "base/guest.h"
#include "base/paths.h"
#include "scratch.h"
#include "tap.h"
#include "witness/sighting.h"

/* By their kinds: 0, or what vmgen_open() says. */
static int open_results[3];
static int id_result;
static uint32_t info_flags;
static unsigned int n_open;
static struct vmgen_event now = { .generation = 5 };
/* Their addresses are handles. */
static char handles[3];

static unsigned int index_of(const struct vmgen *v)
{
	return (const char *)v - handles;
}

int vmgen_open(const char *path, unsigned int flags, struct vmgen **ret_v)
{
	int r = -ENOENT;

	(void)path;
	flags &= VMGEN_VMGENID | VMGEN_VMCLOCK | VMGEN_SYSGENID;
	for (unsigned int i = 0; i < 3; i++) {
		if (flags && !(flags & 1U << i))
			continue;
		r = open_results[i];
		if (r)
			continue;
		*ret_v = (struct vmgen *)&handles[i];
		n_open++;
		break;
	}
	return r;
}

struct vmgen *vmgen_close(struct vmgen *v)
{
	n_open -= v != NULL;
	return NULL;
}

int vmgen_info(struct vmgen *v, struct vmgen_info *ret_info, size_t size)
{
	(void)size;
	*ret_info = (struct vmgen_info){ .device = 1U << index_of(v), .flags = info_flags };
	return 0;
}

int vmgen_id(struct vmgen *v, uint8_t ret_id[VMGEN_ID_SIZE])
{
	memset(ret_id, 'i', VMGEN_ID_SIZE);
	return index_of(v) ? -EOPNOTSUPP : id_result;
}

int vmgen_event(struct vmgen *v, struct vmgen_event *ret_event, size_t size)
{
	(void)v;
	memcpy(ret_event, &now, size);
	return 0;
}

int vmgen_fd(const struct vmgen *v)
{
	return index_of(v) == 1 ? -EOPNOTSUPP : 9;
}

int vmgen_read(struct vmgen *v, struct vmgen_event *ret_event, size_t size)
{
	return vmgen_event(v, ret_event, size);
}

static void expect(const char *node, int want, enum witness_kind kind, int want_error, const char *name)
{
	struct witness witness = { .kind = WITNESS_VMGENID };
	int error = 1;

	equal(witness_open(node, scratch_directory, &witness, &error), want, name);
	equal(error, want_error, "what is wrong with the first is told");
	if (!want)
		ok(witness.kind == kind, "it is %s", witness_name(witness.kind));
	equal(n_open, !want && kind != WITNESS_KMSG, "no other is open");
	witness_close(&witness);
	witness_close(&witness);
	equal(n_open, 0, "and none afterwards");
}

static void test_open(void)
{
	int fd;

	expect(PATH_DEVICE, 0, WITNESS_VMGENID, 0, "the module's device");
	id_result = -ENODATA;
	expect(PATH_DEVICE, 0, WITNESS_VMGENID, 0, "without an ID at present");
	info_flags = VMGEN_INFO_COUNTER;
	id_result = -EOPNOTSUPP;
	expect(PATH_DEVICE, 0, WITNESS_COUNTER, 0, "with a counter and no ID");
	info_flags = 0;
	id_result = -EPERM;
	expect(PATH_DEVICE, -EPERM, 0, -EPERM, "without rights there is no other");
	id_result = 0;
	open_results[0] = -EACCES;
	expect(PATH_DEVICE, -EACCES, 0, -EACCES, "likewise");
	open_results[0] = -ENOENT;
	expect(PATH_DEVICE, 0, WITNESS_VMCLOCK, -ENOENT, "without it VMClock");
	expect("/dev/other", 0, WITNESS_VMCLOCK, 0, "any kind by its path");
	open_results[1] = -ENODATA;
	expect(PATH_DEVICE, 0, WITNESS_SYSGENID, -ENOENT, "without that SysGenID");
	open_results[2] = -ENOENT;
	expect("/dev/other", -ENOENT, 0, -ENOENT, "nothing instead of a path that was given");
	expect(PATH_DEVICE, -ENOENT, 0, -ENOENT, "no driver of the kernel's: nothing, and the first error");
	scratch_mkdir("bus", 0755);
	scratch_mkdir("bus/acpi", 0755);
	scratch_mkdir("bus/acpi/drivers", 0755);
	scratch_mkdir("bus/acpi/drivers/vmgenid", 0755);
	scratch_write("bus/acpi/drivers/vmgenid/bind", "", 0200);
	(void)!symlink("/", scratch_path("bus/acpi/drivers/vmgenid/module"));
	ok(!guest_has_intree(scratch_directory), "a driver without a device is not at work");
	(void)!symlink("/", scratch_path("bus/acpi/drivers/vmgenid/QEMUVGID:00"));
	ok(guest_has_intree(scratch_directory), "with one it is");
	/* A container may not have it. */
	fd = open(KMSG_NODE, O_RDONLY | O_NONBLOCK);
	expect(PATH_DEVICE, fd < 0 ? -ENOENT : 0, WITNESS_KMSG, -ENOENT, "at last the kernel's log");
	close(fd);
}

static void test_sightings(void)
{
	struct witness clock = { .kind = WITNESS_VMCLOCK, .device = (struct vmgen *)&handles[1] };
	struct witness log = { .kind = WITNESS_KMSG, .kmsg_fd = 9 };
	struct sighting first, second;

	equal(sighting_look(&clock, &first), 0, "VMClock is looked at");
	ok(first.has_id && first.made_up && first.generation == 5 && !first.changed_here, "what it shows");
	equal(sighting_look(&clock, &second), 0, "again");
	ok(!strcmp(first.id_hash, second.id_hash), "the same counter, the same hash");
	now.generation++;
	equal(sighting_look(&clock, &second), 0, "and again");
	ok(strcmp(first.id_hash, second.id_hash), "another counter, another hash");
	equal(witness_fd(&clock), -EOPNOTSUPP, "it may have no descriptor");
	equal(witness_fd(&log), 9, "a log has one");
	equal(sighting_look(&log, &first), 0, "a log is looked at");
	ok(first.made_up && first.generation == 1 && !first.changed_here, "no line so far");
	log.line = (struct kmsg_line){ .sequence = 811, .time_usec = 7 };
	equal(sighting_look(&log, &first), 0, "and with one");
	ok(first.generation == 812 && first.changed_here, "its number is the generation");
	log.line.time_usec++;
	equal(sighting_look(&log, &second), 0, "in a clone");
	ok(strcmp(first.id_hash, second.id_hash), "the same number at another time is another change");
}

/* It starts again with the module, and tells whether it has moved since. */
static void test_counter(void)
{
	struct witness counter = { .kind = WITNESS_COUNTER, .device = (struct vmgen *)handles };
	struct sighting first, second;

	equal(sighting_look(&counter, &first), 0, "the module's counter is looked at");
	ok(first.has_id && first.made_up && !first.changed_here, "nothing has changed");
	now.generation++;
	now.changed_boottime_ns = 1;
	equal(sighting_look(&counter, &second), 0, "and after a change");
	ok(second.changed_here && strcmp(first.id_hash, second.id_hash), "it has changed here");
	now.changed_boottime_ns++;
	equal(sighting_look(&counter, &first), 0, "and where the module was loaded anew since");
	ok(strcmp(first.id_hash, second.id_hash), "the same generation at another time is another change");
	now.changed_boottime_ns--;
	equal(sighting_look(&counter, &first), 0, "and again");
	ok(!strcmp(first.id_hash, second.id_hash), "at the same time it is the same one");
	now.changed_boottime_ns = 0;
}

static void test_losses(void)
{
	const char *text;
	unsigned int i, all = 0, loss;

	for (i = 0; (loss = witness_loss(i, &text)); i++) {
		ok(strlen(text) > 20, "%s", text);
		all |= loss;
	}
	equal(witness_losses(WITNESS_VMGENID), 0, "with the module nothing is lost");
	equal(witness_losses(WITNESS_COUNTER), WITNESS_LOSS_BOOT, "with its counter, changes across boots are");
	equal(witness_losses(WITNESS_KMSG), all, "with the log alone all of these are");
	equal((witness_losses(WITNESS_VMCLOCK) | witness_losses(WITNESS_SYSGENID)) & ~all, 0, "each has words");
}

int main(void)
{
	scratch_create();
	test_open();
	memset(open_results, 0, sizeof(open_results));
	test_sightings();
	test_counter();
	test_losses();
	return tap_done();
}
