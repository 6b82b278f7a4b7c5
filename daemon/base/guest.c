/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Why there is no device of vmgen on this machine: looks for the hypervisor's
 * half in the ACPI namespace or the device tree, and for the module in the
 * kernel.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "guest.h"
#include "host.h"
#include "paths.h"

/* One line of "acpi:ID:ID:" or "of:NnameTtypeCid", without its length limit to speak of. */
enum { MODALIAS_SIZE = 1024 };
/* Far more than any kernel takes. */
enum { CMDLINE_SIZE = 1 << 16 };
/* One number. */
enum { FIPS_SIZE = 64 };

/* Of a modalias; NULL ends them. */
static const char *const generation_names[] = {
	":VM_GEN_COUNTER:", ":VMGENCTR:", "Cmicrosoft,vmgenid", NULL
};
static const char *const vmclock_names[] = { ":VMCLOCK:", ":AMZNC10C:", "Camazon,vmclock", NULL };

static bool is_named(int devices_fd, const char *device, const char *const *names)
{
	char path[NAME_MAX + sizeof("/modalias")], text[MODALIAS_SIZE];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/modalias", device);
	fd = openat(devices_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	while (*names && !strstr(text, *names))
		names++;
	return *names;
}

static bool bus_has(const char *sysfs, const char *bus, const char *const *names)
{
	char path[PATH_MAX];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/bus/%s/devices", sysfs, bus);
	dir = opendir(path);
	if (!dir)
		return false;
	while (!found && (entry = readdir(dir)))
		found = is_named(dirfd(dir), entry->d_name, names);
	closedir(dir);
	return found;
}

static bool has_device(const char *sysfs, const char *const *names)
{
	return bus_has(sysfs, "acpi", names) || bus_has(sysfs, "platform", names);
}

/* The directory of a driver has a link to each of its devices. */
static bool has_driver(const char *sysfs, const char *bus)
{
	char path[PATH_MAX];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/bus/%s/drivers/vmgenid", sysfs, bus);
	dir = opendir(path);
	if (!dir)
		return false;
	while (!found && (entry = readdir(dir)))
		found = entry->d_type == DT_LNK && strcmp(entry->d_name, "module");
	closedir(dir);
	return found;
}

bool guest_has_intree(const char *sysfs)
{
	return has_driver(sysfs, "acpi") || has_driver(sysfs, "platform");
}

static bool has_word(char *words, const char *word)
{
	char *state;

	for (words = strtok_r(words, ",", &state); words; words = strtok_r(NULL, ",", &state))
		if (!strcmp(words, word))
			return true;
	return false;
}

bool guest_spares_nvs(const char *cmdline)
{
	static const char name[] = "acpi_sleep=";
	char *text, *word, *state;
	bool spares = false;

	if (file_read(AT_FDCWD, cmdline, CMDLINE_SIZE, &text, NULL))
		return false;
	for (word = strtok_r(text, " \n", &state); word; word = strtok_r(NULL, " \n", &state))
		if (!strncmp(word, name, strlen(name)) && has_word(word + strlen(name), "nonvs"))
			spares = true;
	free(text);
	return spares;
}

enum guest guest_diagnose(int error, const char *node, const char *sysfs)
{
	char path[PATH_MAX];

	if (!error)
		return GUEST_READY;
	if (error == -EACCES || error == -EPERM)
		return GUEST_NO_RIGHTS;
	if (error != -ENOENT && error != -ENXIO && error != -ENODEV)
		return GUEST_BROKEN;
	if (strcmp(node, PATH_DEVICE))
		return GUEST_NO_NODE;
	/* Every kernel has this there. */
	snprintf(path, sizeof(path), "%s/bus", sysfs);
	if (access(path, F_OK))
		return GUEST_NO_SYSFS;
	if (!has_device(sysfs, generation_names))
		return GUEST_NO_DEVICE;
	snprintf(path, sizeof(path), "%s/module/vmgenc", sysfs);
	return access(path, F_OK) ? GUEST_NO_MODULE : GUEST_REFUSED;
}

const char *guest_explain(enum guest guest, const char *sysfs)
{
	static const char *const texts[] = {
		[GUEST_READY] = "the device is there",
		[GUEST_NO_RIGHTS] = "this user may not open the device or read the ID: only root with CAP_SYS_ADMIN in the initial user namespace can; for containers see vmgenid(4)",
		[GUEST_NO_SYSFS] = "/sys is not mounted, so vmgen cannot tell whether this VM has a VM Generation ID device: mount -t sysfs sysfs /sys; in the chroot of an image, check when the image runs",
		[GUEST_NO_DEVICE] = "this VM has a VMClock, but no VM Generation ID device: modprobe vmgenc, then dmesg | grep vmgenc shows whether that counts restores",
		[GUEST_NO_MODULE] = "the kernel module is not loaded: modprobe vmgenc",
		[GUEST_REFUSED] = "the kernel module is loaded but gives no device: dmesg | grep vmgenc shows why",
		[GUEST_NO_NODE] = "is the path of the device right?",
		[GUEST_BROKEN] = "the device is there but does not work: is the module of the same release?",
	};

	return guest == GUEST_NO_DEVICE && !has_device(sysfs, vmclock_names) ?
	       host_explain(sysfs) : texts[guest];
}

bool guest_in_fips_mode(const char *path)
{
	char *text = NULL;
	bool on;

	/* The kernel may have been built without it. */
	if (file_read(AT_FDCWD, path, FIPS_SIZE, &text, NULL))
		return false;
	on = atoi(text);
	free(text);
	return on;
}
