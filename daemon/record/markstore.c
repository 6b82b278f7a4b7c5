/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Marks outside the disk: EFI variables by efivarfs, a TPM by tpm2-tools.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/file.h"
#include "markstore.h"
#include "process/capture.h"

#define EFI_DIRECTORY	"firmware/efi/efivars"
/* Its vendor is this project: the number was drawn for it. */
#define EFI_VARIABLE	"VmgenShutdown-d456c82c-d0dc-4701-bdd6-404c2156283b"
#define TPM_DEVICE	"/dev/tpmrm0"
/* Of those that are the owner's; drawn as well. */
#define TPM_INDEX	"0x19bcb73"
#define TPM_INPUT	"mark"

enum {
	MARK_LENGTH = MARK_SIZE - 1,
	/* EFI_VARIABLE_NON_VOLATILE, _BOOTSERVICE_ACCESS, _RUNTIME_ACCESS. */
	EFI_ATTRIBUTES = 7,
	/* For one command: a TPM that is asked too much may take seconds. */
	TPM_LIMIT_MS = 10000,
	TPM_ANSWER_SIZE = 16384,
};

/* As efivarfs has it. */
struct efi_variable {
	uint32_t attributes;
	char mark[MARK_LENGTH];
};

bool mark_valid(const char *mark)
{
	return strlen(mark) == MARK_LENGTH && strspn(mark, "0123456789abcdef") == MARK_LENGTH;
}

static int take_text(const char *text, char ret_mark[MARK_SIZE])
{
	char mark[MARK_SIZE] = "";

	memcpy(mark, text, MARK_LENGTH);
	if (!mark_valid(mark))
		return -EBADMSG;
	strcpy(ret_mark, mark);
	return 0;
}

static int open_efi(const struct mark_place *place)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/" EFI_DIRECTORY, place->sysfs);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Without efivarfs in it the directory is empty, and takes no file. */
static bool efi_is_there(const struct mark_place *place)
{
	struct statfs st;
	int fd = open_efi(place);
	bool there;

	if (fd < 0)
		return false;
	there = !fstatfs(fd, &st) && st.f_type == EFIVARFS_MAGIC && !(st.f_flags & ST_RDONLY);
	close(fd);
	return there;
}

static int efi_get(const struct mark_place *place, char ret_mark[MARK_SIZE])
{
	struct efi_variable variable;
	int dir_fd = open_efi(place), fd, r = 0;
	ssize_t n;

	if (dir_fd < 0)
		return dir_fd;
	fd = openat(dir_fd, EFI_VARIABLE, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		r = -errno;
	close(dir_fd);
	if (r)
		return r;
	n = read(fd, &variable, sizeof(variable));
	if (n < 0)
		r = -errno;
	else if (n != sizeof(variable))
		r = -EBADMSG;
	else
		r = take_text(variable.mark, ret_mark);
	close(fd);
	return r;
}

/* The kernel has it so that nobody breaks the firmware by rm -r. Elsewhere there is no flag. */
static int set_immutable(int dir_fd, bool immutable)
{
	int fd = openat(dir_fd, EFI_VARIABLE, O_RDONLY | O_CLOEXEC), flags, r = 0;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (ioctl(fd, (ioctl_request)FS_IOC_GETFLAGS, &flags)) {
		r = errno == ENOTTY ? 0 : -errno;
		close(fd);
		return r;
	}
	flags = immutable ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
	if (ioctl(fd, (ioctl_request)FS_IOC_SETFLAGS, &flags))
		r = -errno;
	close(fd);
	return r;
}

static int efi_put(const struct mark_place *place, const char *mark)
{
	struct efi_variable variable = { .attributes = EFI_ATTRIBUTES };
	int dir_fd = open_efi(place), fd, r;

	if (dir_fd < 0)
		return dir_fd;
	memcpy(variable.mark, mark, MARK_LENGTH);
	r = set_immutable(dir_fd, false);
	if (r)
		goto out;
	fd = openat(dir_fd, EFI_VARIABLE, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		r = -errno;
		goto out;
	}
	/* One call is one variable. The firmware has it when this returns. */
	errno = 0;
	if (write(fd, &variable, sizeof(variable)) != sizeof(variable))
		r = errno ? -errno : -EIO;
	close(fd);
	(void)set_immutable(dir_fd, true);
out:
	close(dir_fd);
	return r;
}

static bool tpm_is_there(const struct mark_place *place)
{
	(void)place;
	return !access(TPM_DEVICE, R_OK | W_OK);
}

/* Returns 0 or -errno. answer: of TPM_ANSWER_SIZE, or NULL. */
static int ask_tpm(const char *const argv[], char *answer)
{
	/* Not by a service of the bus, which is not there so early and so late. */
	static char *const envp[] = {
		(char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		(char *)"TPM2TOOLS_TCTI=device:" TPM_DEVICE, (char *)"TSS2_LOG=all+none", NULL,
	};
	int r = capture_output(argv, envp, TPM_LIMIT_MS, answer, TPM_ANSWER_SIZE);

	return r == 127 ? -ENOPKG : r > 0 ? -EIO : r;
}

/* Returns 0, -ENOENT or -errno. */
static int find_index(void)
{
	static const char *const argv[] = { "tpm2_getcap", "handles-nv-index", NULL };
	const unsigned long index = strtoul(TPM_INDEX, NULL, 16);
	char answer[TPM_ANSWER_SIZE], *p = answer;
	int r = ask_tpm(argv, answer);

	if (r)
		return r;
	/* "- 0x19BCB73" in a line of its own. */
	while ((p = strstr(p, "0x")))
		if (strtoul(p, &p, 16) == index)
			return 0;
	return -ENOENT;
}

static int tpm_get(const struct mark_place *place, char ret_mark[MARK_SIZE])
{
	static const char *const argv[] = {
		"tpm2_nvread", "-C", TPM_INDEX, "-s", "32", TPM_INDEX, NULL,
	};
	char answer[TPM_ANSWER_SIZE];
	int r = tpm_is_there(place) ? ask_tpm(argv, answer) : -ENODEV;

	/* It says the same for each fault. */
	if (r == -EIO)
		r = find_index() ?: -EIO;
	if (!r && strlen(answer) != MARK_LENGTH)
		r = -EBADMSG;
	return r ? r : take_text(answer, ret_mark);
}

static int define_index(void)
{
	static const char *const argv[] = {
		"tpm2_nvdefine", "-C", "o", "-s", "32", "-a",
		"authread|authwrite|ownerread|ownerwrite|no_da", TPM_INDEX, NULL,
	};

	return ask_tpm(argv, NULL);
}

static int write_index(const char *path)
{
	const char *const argv[] = { "tpm2_nvwrite", "-C", TPM_INDEX, "-i", path, TPM_INDEX, NULL };

	return ask_tpm(argv, NULL);
}

static int tpm_put(const struct mark_place *place, const char *mark)
{
	char path[PATH_MAX];
	int fd, r;

	if (!tpm_is_there(place))
		return -ENODEV;
	fd = open(place->runtime_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = file_replace(fd, TPM_INPUT, mark, 0600, FILE_ATOMIC);
	snprintf(path, sizeof(path), "%s/" TPM_INPUT, place->runtime_dir);
	if (!r)
		r = write_index(path);
	if (r == -EIO && find_index() == -ENOENT)
		r = define_index() ?: write_index(path);
	(void)unlinkat(fd, TPM_INPUT, 0);
	close(fd);
	return r;
}

static const struct markstore stores[] = {
	{ "efi", "EFI variable " EFI_VARIABLE, efi_is_there, efi_get, efi_put },
	{ "tpm", "NV index " TPM_INDEX " of the TPM", tpm_is_there, tpm_get, tpm_put },
};

const struct markstore *markstore_first(const struct mark_place *place)
{
	size_t i;

	for (i = 0; i < sizeof(stores) / sizeof(stores[0]); i++)
		if (stores[i].is_there(place))
			return &stores[i];
	return NULL;
}

const struct markstore *markstore_named(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(stores) / sizeof(stores[0]); i++)
		if (!strcmp(stores[i].name, name))
			return &stores[i];
	return NULL;
}
