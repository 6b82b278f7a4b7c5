/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What vmgenctl check finds of the kernel: the device and its module, who is
 * told of a change, and where random numbers come from.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/file.h"
#include "base/host.h"
#include "ctl/view/module.h"
#include "finding.h"

#define PATH_SYSGENID	"/dev/sysgenid"
#define PATH_HWRNG	"/sys/class/misc/hw_random/rng_current"
#define PATH_CPUINFO	"/proc/cpuinfo"

enum {
	/* A line of flags for each of many CPUs. */
	CPUINFO_SIZE = 1 << 24,
	NAME_SIZE = 256,
};

static void check_missing(const struct view *view, struct findings *findings)
{
	enum module module;

	if (view->guest != GUEST_NO_MODULE) {
		finding_add(findings, "device", FINDING_PROBLEM, "", "%s",
			    guest_explain(view->guest, GUEST_SYSFS));
		return;
	}
	module = module_of_this_kernel();
	finding_add(findings, "device", FINDING_PROBLEM, module_remedy(module), "%s",
		    module_explain(module));
}

static void check_device(const struct view *view, struct findings *findings)
{
	const struct vmgen_info *info = &view->info;

	if (view_has_id(view))
		finding_add(findings, "device", FINDING_OK, "", "%s, generation %" PRIu64
			    ", changes since the module was loaded: %" PRIu64, info->hid,
			    view->event.generation, info->changes);
	else if (view_counts(view))
		finding_add(findings, "device", FINDING_PROBLEM,
			    host_remedy(GUEST_SYSFS),
			    "%s, a VMClock, counts restores and has no ID: a change while this system is down is not detected",
			    info->hid);
	else
		finding_add(findings, "device", FINDING_PROBLEM,
			    "give the device of this VM a GUID on the host",
			    "the host provides no ID");
	if (view_id_untrusted(view))
		finding_add(findings, "hibernate", FINDING_PROBLEM,
			    "boot it with acpi_sleep=nonvs",
			    "this machine was hibernated, and cannot detect a change of its ID across that");
	if (info->flags & VMGEN_INFO_NOTIFIES)
		finding_add(findings, "notify", FINDING_OK, "", "the host notifies of changes");
	else
		finding_add(findings, "notify", FINDING_WARNING,
			    "sysctl dev.vmgenc.0.poll_ms sets how often the module looks",
			    "this host does not notify of changes, so the module looks for them, and detects them late");
	/* There may be one for a VMClock. */
	finding_add(findings, "driver", FINDING_OK, "", "%s", info->flags & VMGEN_INFO_INTREE ?
		    "the in-tree driver reseeds too, but tells no program" :
		    "the kernel has no driver of its own that reseeds its random number generator: only the module does");
}

/* What nothing tells this VM of cannot be seen in it; that it happens there is known. */
static void check_host(const struct view *view, struct findings *findings)
{
	const struct host_habit *habit = view_has_id(view) ? host_keeps(GUEST_SYSFS) : NULL;

	if (habit)
		finding_add(findings, "host", habit->usual ? FINDING_WARNING : FINDING_NOTE,
			    habit->remedy, "%s", habit->text);
}

static void check_programs(const struct view *view, struct findings *findings)
{
	if (!access(PATH_SYSGENID, R_OK))
		finding_add(findings, "sysgenid", FINDING_OK, "",
			    PATH_SYSGENID " tells programs with AWS-LC");
	else if (view->guest == GUEST_READY)
		finding_add(findings, "sysgenid", FINDING_NOTE,
			    "load vmgenc without sysgenid=0; dmesg | grep vmgenc shows whether the name was taken",
			    "without " PATH_SYSGENID "programs with AWS-LC detect no change");
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		finding_add(findings, "window", FINDING_NOTE,
			    "programs that must not draw random numbers meanwhile use vmgen_getrandom(3)",
			    "other CPUs run on for a moment before the first one detects a change");
}

static bool has_word(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (; (text = strstr(text, word)); text += length)
		if (text[-1] == ' ' && strchr(" \n", text[length]))
			return true;
	return false;
}

/* RDRAND of x86 is "rdrand", RNDR of ARM "rng". */
static bool cpu_has_random(void)
{
	char *text;
	bool has;

	if (file_read(AT_FDCWD, PATH_CPUINFO, CPUINFO_SIZE, &text, NULL))
		return false;
	has = *text && (has_word(text + 1, "rdrand") || has_word(text + 1, "rng"));
	free(text);
	return has;
}

/* Returns false if there is none. */
static bool hardware_name(char ret_name[NAME_SIZE])
{
	char *text;
	bool has;

	/* A file of sysfs says that it has 4096 bytes. */
	if (file_read(AT_FDCWD, PATH_HWRNG, 4096, &text, NULL))
		return false;
	snprintf(ret_name, NAME_SIZE, "%.*s", (int)strcspn(text, "\n"), text);
	free(text);
	has = *ret_name && strcmp(ret_name, "none");
	return has;
}

/* What is reseeded is the kernel's own; that programs draw from it has to be known. */
static void check_reader(const struct view *view, struct findings *findings)
{
	if (guest_in_fips_mode(GUEST_FIPS))
		finding_add(findings, "random", FINDING_PROBLEM,
			    "boot it without fips=1, if it need not be in FIPS mode; see FIPS MODE in vmgenid(4) (not tried)",
			    "the kernel is in FIPS mode, and programs may draw from another generator than the one that is reseeded");
	else if (view_rng_other(view))
		finding_add(findings, "random", FINDING_PROBLEM,
			    "unload the module that serves /dev/urandom, make the node again (rm /dev/urandom; mknod -m 666 /dev/urandom c 1 9), and load vmgenc again",
			    "/dev/urandom is not the kernel's own generator, so it is not the one that is reseeded");
}

static void check_random(const struct view *view, struct findings *findings)
{
	char name[NAME_SIZE] = "";
	bool hardware = hardware_name(name), cpu = cpu_has_random();
	uint8_t byte;

	if (view->event.flags & VMGEN_RNG_STALE)
		finding_add(findings, "random", FINDING_PROBLEM,
			    "start vmgend, which reseeds from user space; dmesg | grep vmgenc shows why",
			    "the module could not reseed the kernel's random number generator");
	else if (getrandom(&byte, 1, GRND_NONBLOCK) < 0 && errno == EAGAIN)
		finding_add(findings, "random", FINDING_WARNING,
			    "a virtio-rng device seeds it at once (QEMU: -device virtio-rng-pci)",
			    "the kernel's generator is not seeded yet");
	else
		finding_add(findings, "random", FINDING_OK, "", "the kernel's generator is seeded");
	if (hardware || cpu)
		finding_add(findings, "entropy", FINDING_OK, "", "new entropy comes from %s%s%s",
			    name, hardware && cpu ? " and " : "", cpu ? "the CPU" : "");
	else
		finding_add(findings, "entropy",
			    view_counts(view) ? FINDING_PROBLEM : FINDING_WARNING,
			    "give this VM a virtio-rng device (QEMU: -device virtio-rng-pci; not tried)",
			    "there is no hardware generator: after a change %s",
			    view_counts(view) ? "nothing but the clocks tells clones apart" :
						"the ID alone tells clones apart");
}

void check_kernel(const struct ctl *ctl, const struct view *view, struct findings *findings)
{
	(void)ctl;
	if (view->guest == GUEST_READY) {
		check_device(view, findings);
		check_host(view, findings);
	} else {
		check_missing(view, findings);
	}
	check_programs(view, findings);
	check_random(view, findings);
	check_reader(view, findings);
}
