/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * How a program with many threads ends when something is impossible.
 */
#ifndef BROKEN_H
#define BROKEN_H

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

__attribute__((noreturn, format(printf, 1, 2))) static inline void broken(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("broken: ");
	vprintf(format, args);
	printf("\n");
	fflush(stdout);
	_exit(1);
}

#endif /* BROKEN_H */
