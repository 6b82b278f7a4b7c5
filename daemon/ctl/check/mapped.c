/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What the libraries that a process has mapped say of its generators.
 */
#include <string.h>

#include "base/paths.h"
#include "mapped.h"

enum {
	LIBCRYPTO = 1 << 0,
	/* One that the system has not got: it may read another configuration. */
	OWN_LIBCRYPTO = 1 << 1,
	LIBSSL = 1 << 2,
	PROVIDER = 1 << 3,
	DEVICE = 1 << 4,
	SYSGENID = 1 << 5,
	GNUTLS = 1 << 6,
	NSS = 1 << 7,
	GCRYPT = 1 << 8,
	JVM = 1 << 9,
	BORINGSSL = 1 << 10,
	/* Which have libcrypto for digests, signatures or keys of TPMs, and draw nothing from it. */
	WITH_LIBCRYPTO = 1 << 11,
	/* Which have libgcrypt for digests. */
	WITH_GCRYPT = 1 << 12,
	LIBSSH_GCRYPT = 1 << 13,
	FIPS = 1 << 14,
};

/* name: what it begins with; what follows is the version, or in others' cases anything. */
static const struct library {
	const char *name;
	unsigned int bits;
	bool any_end;
} libraries[] = {
	{ "libssl.so.", LIBSSL, false },
	{ "libgnutls.so.", GNUTLS, false },
	/* Of NSS the file that has the generator. */
	{ "libfreeblpriv3.so", NSS, false },
	{ "libfreebl3.so", NSS, false },
	{ "libgcrypt.so.", GCRYPT, false },
	{ "libjvm.so", JVM, false },
	{ "libsystemd-shared-", WITH_LIBCRYPTO | WITH_GCRYPT, true },
	{ "_hashlib.cpython-", WITH_LIBCRYPTO, true },
	{ "libkmod.so.", WITH_LIBCRYPTO, false },
	{ "libsystemd.so.", WITH_GCRYPT, false },
	{ "libapt-pkg.so.", WITH_GCRYPT, false },
	{ "libssh-gcrypt.so.", LIBSSH_GCRYPT, false },
};

static const char *const directories[] = {
	"/lib/", "/lib32/", "/lib64/", "/usr/lib/", "/usr/lib32/", "/usr/lib64/",
	"/usr/local/lib/", "/usr/local/lib64/", "/opt/", "/nix/store/", "/gnu/store/",
};

/* Returns the path in a whole line of maps; "": none, or none that is mapped to be executed. */
static const char *path_of(char *line, bool *ret_executed)
{
	static const char deleted[] = " (deleted)";
	size_t length;
	int i;

	for (i = 0; i < 5; i++) {
		line += strcspn(line, " ");
		line += strspn(line, " ");
		if (!i)
			*ret_executed = strcspn(line, " ") == 4 && line[2] == 'x';
	}
	length = strcspn(line, "\n");
	line[length] = '\0';
	if (length >= sizeof(deleted) && !strcmp(line + length - sizeof(deleted) + 1, deleted))
		line[length - sizeof(deleted) + 1] = '\0';
	return *line == '/' ? line : "";
}

static bool ends_with(const char *path, const char *end)
{
	size_t length = strlen(path), end_length = strlen(end);

	return length >= end_length && !strcmp(path + length - end_length, end);
}

static bool is_of_system(const char *path)
{
	size_t i;

	for (i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
		if (!strncmp(path, directories[i], strlen(directories[i])))
			return true;
	return false;
}

/* "3", "30.34.3" or "1.1.1k". */
static bool is_version(const char *text)
{
	return !text[strspn(text, "0123456789.abcdefghijklmnopqrstuvwxyz")];
}

static bool begins_with(const char *name, const char *begin)
{
	return !strncmp(name, begin, strlen(begin));
}

static unsigned int take_libcrypto(const char *path, const char *name)
{
	if (!begins_with(name, "libcrypto.so") || !is_version(name + strlen("libcrypto.so")))
		return 0;
	if (!is_of_system(path))
		return OWN_LIBCRYPTO;
	/* Of Debian's packages for Android's tools. */
	return strstr(path, "/android/") ? BORINGSSL : LIBCRYPTO;
}

unsigned int mapped_take(char *line)
{
	bool executed = false;
	const char *path = path_of(line, &executed), *name = strrchr(path, '/');
	const struct library *library;
	unsigned int bits;
	size_t i;

	if (!name)
		return 0;
	name++;
	if (ends_with(path, "/ossl-modules/vmgen.so"))
		return PROVIDER;
	if (ends_with(path, "/ossl-modules/fips.so"))
		return FIPS;
	if (!strcmp(path, PATH_DEVICE))
		return DEVICE;
	if (!strcmp(path, "/dev/sysgenid"))
		return SYSGENID;
	if (!executed)
		return 0;
	bits = take_libcrypto(path, name);
	for (i = 0; !bits && i < sizeof(libraries) / sizeof(libraries[0]); i++) {
		library = &libraries[i];
		if (begins_with(name, library->name) && is_of_system(path) &&
		    (library->any_end || is_version(name + strlen(library->name))))
			bits = library->bits;
	}
	return bits;
}

static unsigned int bit(enum census_kind kind)
{
	return 1U << kind;
}

static unsigned int openssl_kinds(unsigned int mapped, bool has_device)
{
	if (mapped & FIPS)
		return bit(CENSUS_FIPS);
	if (mapped & PROVIDER)
		return bit(mapped & DEVICE || !has_device ? CENSUS_PROTECTED : CENSUS_WITHOUT_DEVICE);
	if (mapped & OWN_LIBCRYPTO)
		return bit(CENSUS_STATIC);
	/* Brought along by what draws nothing from it; TLS would. */
	if (mapped & LIBCRYPTO && (mapped & LIBSSL || !(mapped & WITH_LIBCRYPTO)))
		return bit(CENSUS_UNPROTECTED);
	return 0;
}

unsigned int mapped_kinds(unsigned int mapped, const struct census_aid *aid)
{
	unsigned int kinds = openssl_kinds(mapped, aid->device);

	if (mapped & GNUTLS)
		kinds |= bit(CENSUS_GNUTLS);
	if (mapped & NSS)
		kinds |= bit(CENSUS_NSS);
	if (mapped & GCRYPT && (mapped & LIBSSH_GCRYPT || !(mapped & WITH_GCRYPT)))
		kinds |= bit(CENSUS_GCRYPT);
	if (mapped & JVM)
		kinds |= bit(CENSUS_JAVA);
	/* AWS-LC, which has the same traces, asks that device. */
	if (mapped & BORINGSSL && !(mapped & SYSGENID))
		kinds |= bit(aid->sentinels ? CENSUS_SENTINEL : CENSUS_BORINGSSL);
	return kinds;
}

bool mapped_openssl(unsigned int mapped)
{
	return mapped & (LIBCRYPTO | OWN_LIBCRYPTO | PROVIDER | BORINGSSL | SYSGENID);
}
