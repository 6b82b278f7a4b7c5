/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Debian has libraries for glibc alone, and their code calls it by names that musl has
 * not got: those of -D_FORTIFY_SOURCE, and arc4random(3). With these t-musl.sh can link
 * them. They check nothing, so this is for tests.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <syslog.h>
#include <unistd.h>

int __vasprintf_chk(char **text, int flag, const char *format, va_list args);
int __vasprintf_chk(char **text, int flag, const char *format, va_list args)
{
	(void)flag;
	return vasprintf(text, format, args);
}

int __vfprintf_chk(FILE *file, int flag, const char *format, va_list args);
int __vfprintf_chk(FILE *file, int flag, const char *format, va_list args)
{
	(void)flag;
	return vfprintf(file, format, args);
}

int __fprintf_chk(FILE *file, int flag, const char *format, ...);
int __fprintf_chk(FILE *file, int flag, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = __vfprintf_chk(file, flag, format, args);
	va_end(args);
	return n;
}

int __vsnprintf_chk(char *text, size_t size, int flag, size_t room, const char *format, va_list args);
int __vsnprintf_chk(char *text, size_t size, int flag, size_t room, const char *format, va_list args)
{
	(void)flag;
	(void)room;
	return vsnprintf(text, size, format, args);
}

int __snprintf_chk(char *text, size_t size, int flag, size_t room, const char *format, ...);
int __snprintf_chk(char *text, size_t size, int flag, size_t room, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = __vsnprintf_chk(text, size, flag, room, format, args);
	va_end(args);
	return n;
}

void __vsyslog_chk(int priority, int flag, const char *format, va_list args);
void __vsyslog_chk(int priority, int flag, const char *format, va_list args)
{
	(void)flag;
	vsyslog(priority, format, args);
}

void __syslog_chk(int priority, int flag, const char *format, ...);
void __syslog_chk(int priority, int flag, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	__vsyslog_chk(priority, flag, format, args);
	va_end(args);
}

char *__strcat_chk(char *text, const char *more, size_t room);
char *__strcat_chk(char *text, const char *more, size_t room)
{
	(void)room;
	return strcat(text, more);
}

void *__memcpy_chk(void *to, const void *from, size_t size, size_t room);
void *__memcpy_chk(void *to, const void *from, size_t size, size_t room)
{
	(void)room;
	return memcpy(to, from, size);
}

void *__memset_chk(void *to, int byte, size_t size, size_t room);
void *__memset_chk(void *to, int byte, size_t size, size_t room)
{
	(void)room;
	return memset(to, byte, size);
}

ssize_t __read_chk(int fd, void *to, size_t size, size_t room);
ssize_t __read_chk(int fd, void *to, size_t size, size_t room)
{
	(void)room;
	return read(fd, to, size);
}

/* The word of an fd_set that has this descriptor. */
long __fdelt_chk(long fd);
long __fdelt_chk(long fd)
{
	return fd / (8 * (long)sizeof(long));
}

void arc4random_buf(void *to, size_t size);
void arc4random_buf(void *to, size_t size)
{
	(void)getrandom(to, size, 0);
}

uint32_t arc4random(void);
uint32_t arc4random(void)
{
	uint32_t number = 0;

	arc4random_buf(&number, sizeof(number));
	return number;
}

/* libcrypto has coroutines by these, which no test of ours uses. */
int getcontext(void *context);
int getcontext(void *context)
{
	(void)context;
	return -1;
}

int setcontext(const void *context);
int setcontext(const void *context)
{
	(void)context;
	return -1;
}

void makecontext(void *context, void (*function)(void), int n_arguments, ...);
void makecontext(void *context, void (*function)(void), int n_arguments, ...)
{
	(void)context;
	(void)function;
	(void)n_arguments;
}
