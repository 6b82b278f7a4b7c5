/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The Test Anything Protocol for tests in C. A test ends with
 * "return tap_done();", so one that dies on the way has no plan and fails.
 */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static unsigned int tap_count, tap_failures;

/* Prints the result of one test point and returns it. */
static inline bool __attribute__((format(printf, 2, 3))) ok(bool good, const char *format, ...)
{
	va_list args;

	tap_count++;
	tap_failures += !good;
	printf("%sok %u - ", good ? "" : "not ", tap_count);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	return good;
}

/* As ok(), and shows both numbers where they differ. */
static inline bool equal(long long got, long long want, const char *name)
{
	if (!ok(got == want, "%s", name))
		printf("# got %lld, want %lld\n", got, want);
	return got == want;
}

/* Prints the plan. Returns the exit status of the program. */
static inline int tap_done(void)
{
	printf("1..%u\n", tap_count);
	return tap_failures || !tap_count;
}

#endif /* TAP_H */
