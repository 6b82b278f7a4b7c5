/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What goes into OpenSSL's error queue.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "have.h"
#include "vmgen_provider.h"

/* That of other libraries, such as musl, is for programs with threads. */
#ifndef HAVE_STRERRORDESC_NP
#define strerrordesc_np	strerror
#endif

const OSSL_ITEM *error_reasons(void *provider)
{
	static const OSSL_ITEM reasons[] = {
		{ REASON_MEMORY, (void *)"out of memory" },
		{ REASON_NOT_INSTANTIATED, (void *)"not instantiated" },
		{ REASON_STRENGTH, (void *)"insufficient strength" },
		{ REASON_REQUEST_TOO_LARGE, (void *)"request too large" },
		{ REASON_NOT_RESEEDED,
		  (void *)"the machine was cloned, and the kernel could not reseed" },
		{ REASON_CLONED_TOO_OFTEN, (void *)"the machine is being cloned too often" },
		{ REASON_NO_ANSWER, (void *)"whether the machine was cloned cannot be told" },
		{ REASON_SELF_TEST, (void *)"self-test failed" },
		{ 0, NULL },
	};

	(void)provider;
	return reasons;
}

static void set_error(const struct core *core, enum reason reason, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void set_error(const struct core *core, enum reason reason, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	core->vset_error(core->handle, reason, format, args);
	va_end(args);
}

int error_raise(const struct core *core, const char *file, int line, const char *function,
		enum reason reason, int error)
{
	/* As strerror(3), which is not for programs with threads in glibc before 2.32. */
	const char *text = error ? strerrordesc_np(-error) : "vmgen";

	core->new_error(core->handle);
	core->set_error_debug(core->handle, file, line, function);
	set_error(core, reason, "%s", text ? text : "unknown error");
	return 0;
}

enum reason error_of_draw(int error)
{
	switch (error) {
	case -EIO:
		return REASON_NOT_RESEEDED;
	case -EAGAIN:
		return REASON_CLONED_TOO_OFTEN;
	default:
		return REASON_NO_ANSWER;
	}
}
