/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Large requests to the OpenSSL provider: each is one, of any size, nothing of
 * it is from before a clone in its middle, and its key does not outlive it.
 */
#include <semaphore.h>
#include <sys/wait.h>

#include "loaded.h"

enum {
	/* From here on bytes are expanded. */
	LARGE = 256,
	MIB = 1 << 20,
	/* Of a child that waits for ever. */
	LIMIT_SEC = 30,
};

static unsigned char large[MIB], other[MIB];

static const size_t sizes[] = { 1, LARGE - 1, LARGE, 65535, 65536, 65537, 200000, MIB };

static void test_sizes(void)
{
	struct loaded l = load();
	size_t i, k, n;

	equal(drawn_by(l.context, large, 0), 0, "no bytes: no draw");
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memset(large, 0, sizeof(large));
		ok(drawn_by(l.context, large, sizes[i]) == 1, "%zu bytes: one draw", sizes[i]);
		for (k = 0, n = 0; k < sizes[i]; k++)
			n += !large[k];
		ok(n <= sizes[i] / 64 + 1, "all are random: %zu are 0", n);
	}
	unload(&l);
}

/* The kernel of before the clone, which gives its siblings the same. */
static void draw_as_siblings(void *buf, size_t size)
{
	memset(buf, 0x11, size);
}

static void draw_and_clone(void *buf, size_t size)
{
	draw_as_siblings(buf, size);
	calls.after_draw = NULL;
	kernel_change();
}

/* By a generator that has given nothing yet. Returns the number of draws. */
static unsigned int draw_anew(void (*after_draw)(void *buf, size_t size), size_t size)
{
	struct loaded l = load();
	unsigned int draws;

	RAND_bytes_ex(l.context, large, 1, 0);
	calls.after_draw = after_draw;
	draws = drawn_by(l.context, large, size);
	calls.after_draw = NULL;
	unload(&l);
	return draws;
}

/* With any size, no part of a request is older than another. */
static void test_middle(void)
{
	size_t i, k, same;

	kernel_has_vmgenid();
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		draw_anew(draw_as_siblings, sizes[i]);
		memcpy(other, large, sizes[i]);
		ok(draw_anew(draw_and_clone, sizes[i]) == 2, "a clone in the middle of %zu bytes", sizes[i]);
		for (k = 0, same = 0; k + 16 <= sizes[i]; k += 16)
			same += !memcmp(large + k, other + k, 16);
		equal(same, 0, "leaves nothing that a sibling has");
	}
	calls.node = NULL;
}

static unsigned char key[32];

/* Turned around, so that it is not what is searched for. */
static void keep_key(void *buf, size_t size)
{
	size_t i;

	for (i = 0; i < sizeof(key) && size == sizeof(key); i++)
		key[i] = (unsigned char)~((unsigned char *)buf)[i];
}

static bool is_key(const unsigned char *bytes)
{
	size_t i;

	for (i = 0; i < sizeof(key) / 2; i++)
		if ((bytes[i] ^ key[i]) != 0xff)
			return false;
	return true;
}

/* How often the first half of the key, with which its schedule begins too, is in memory. */
static unsigned int count_keys(void)
{
	FILE *maps = fopen("/proc/self/maps", "r"), *memory = fopen("/proc/self/mem", "r");
	unsigned int count = 0;
	char line[PATH_MAX + 256];
	size_t from, to, k;

	if (!maps || !memory)
		scratch_give_up("/proc/self/mem");
	setvbuf(memory, NULL, _IONBF, 0);
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%zx-%zx rw", &from, &to) != 2 || !strstr(line, " rw"))
			continue;
		/* The shadow of a sanitizer holds no data. */
		for (; to - from < 64 * MIB && from < to; from += sizeof(other) - 16) {
			k = to - from < sizeof(other) ? to - from : sizeof(other);
			fseek(memory, (long)from, SEEK_SET);
			for (k = fread(other, 1, k, memory); k >= 16; k--)
				count += is_key(other + k - 16);
		}
	}
	fclose(memory);
	fclose(maps);
	memset(other, 0, sizeof(other));
	return count;
}

static void test_wiped(void)
{
	static unsigned char copy[sizeof(key)];
	struct loaded l = load();
	unsigned int i;

	calls.after_draw = keep_key;
	equal(drawn_by(l.context, large, 1000), 1, "bytes are expanded");
	calls.after_draw = NULL;
	for (i = 0; i < sizeof(key); i++)
		copy[i] = (unsigned char)~key[i];
	ok(count_keys() >= 1, "a key that is in memory is found");
	explicit_bzero(copy, sizeof(copy));
	equal(count_keys(), 0, "that of a request is not, nor the cipher's state");
	unload(&l);
}

static bool memory_fails;

/* A thread that stands still in OpenSSL when it has allocated so often. */
static _Thread_local unsigned int stops_at;
static sem_t stopped, go_on;

static void *allocate(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	if (stops_at && !--stops_at) {
		sem_post(&stopped);
		sem_wait(&go_on);
	}
	return memory_fails ? NULL : malloc(size);
}

static void *reallocate(void *old, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return memory_fails ? NULL : realloc(old, size);
}

static void release(void *old, const char *file, int line)
{
	(void)file;
	(void)line;
	free(old);
}

static void test_memory(void)
{
	struct loaded l = load();

	RAND_bytes_ex(l.context, large, 1, 0);
	memset(large, 0, 1000);
	memory_fails = true;
	equal(drawn_by(l.context, large, 1000), 1, "without memory for a cipher all are drawn from the kernel");
	memory_fails = false;
	ok(memcmp(large, other, 1000) && !ERR_peek_error(), "without an error");
	unload(&l);
}

static struct loaded drawn_from;
static unsigned int stop_at;
static bool ended;

static void *draw_and_stop(void *arg)
{
	static unsigned char mine[1000];

	(void)arg;
	RAND_bytes_ex(drawn_from.context, mine, 1, 0);
	stops_at = stop_at;
	RAND_bytes_ex(drawn_from.context, mine, sizeof(mine), 0);
	/* It allocates less often. */
	ended = stops_at;
	stops_at = 0;
	if (ended)
		sem_post(&stopped);
	return NULL;
}

static int draw_in_child(void)
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(LIMIT_SEC);
		_exit(RAND_bytes_ex(drawn_from.context, large, 1000, 0) != 1);
	}
	waitpid(pid, &status, 0);
	return status;
}

/* Wherever in its first large request a thread is, a child that has not got it is served. */
static void test_fork(void)
{
	int status = 0;
	pthread_t thread;

	sem_init(&stopped, 0, 0);
	sem_init(&go_on, 0, 0);
	for (ended = false, stop_at = 1; !ended && !status; stop_at++) {
		drawn_from = load();
		RAND_bytes_ex(drawn_from.context, large, 1, 0);
		if (pthread_create(&thread, NULL, draw_and_stop, NULL))
			scratch_give_up("pthread_create");
		sem_wait(&stopped);
		if (!ended) {
			status = draw_in_child();
			sem_post(&go_on);
		}
		pthread_join(thread, NULL);
		unload(&drawn_from);
	}
	ok(!status && stop_at > 2, "forked where another thread makes its cipher: %u places", stop_at - 2);
}

int main(void)
{
	if (!CRYPTO_set_mem_functions(allocate, reallocate, release))
		scratch_give_up("memory");
	test_sizes();
	test_middle();
	test_wiped();
	test_memory();
	test_fork();
	return tap_done();
}
