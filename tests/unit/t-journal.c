/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Where the log goes: fields for the journal, syslog, and that none of those who take it
 * is waited for.
 */
#include <errno.h>
#include <pty.h>
#include <signal.h>

#include "base/log.h"
#include "socket.h"
#include "tap.h"

static const struct log_fields changed = {
	.message = MESSAGE_CHANGED, .event = "changed", .generation = 7,
};

/* Makes a descriptor standard error, which is the journal's or is not. */
static void use(int fd, bool is_journal)
{
	char stream[64];
	struct stat st;

	fstat(fd, &st);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino + !is_journal);
	(void)setenv("JOURNAL_STREAM", stream, 1);
	dup2(fd, STDERR_FILENO);
	log_init();
}

static void use_file(bool is_journal)
{
	int fd = open(scratch_path("log"), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);

	use(fd, is_journal);
	close(fd);
}

static void expect(int journal, const char *want, const char *name)
{
	const char *got = socket_read(journal);

	if (!ok(!strcmp(got, want), "%s", name))
		printf("# %s\n", got);
}

#define HEAD(priority) "PRIORITY=" priority "\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=vmgend\n"

static void test_fields(int journal)
{
	const struct log_fields odd = { .message = MESSAGE_HOOK_FAILED, .hook = "a\nb", .outcome = "" };

	use_file(true);
	errno = EXDEV;
	log_event(LOG_NOTICE, &changed, "two\nlines: %d", 5);
	equal(errno, EXDEV, "errno is left alone");
	expect(journal, "MESSAGE=two\\x0alines: 5\n" HEAD("5")
	       "MESSAGE_ID=2dbcca02937e4599b4d604fbe0d0e489\nVMGEN_EVENT=changed\nVMGEN_GENERATION=7\n",
	       "a line with fields");
	ok(!*scratch_read("log"), "goes nowhere else");
	log_event(LOG_ERR, &odd, "odd");
	expect(journal, "MESSAGE=odd\n" HEAD("3") "MESSAGE_ID=29a81433aa3745a6b80d4794124998bf\n",
	       "no field can begin another");
	log_error("plain");
	expect(journal, "", "a line without fields");
	ok(!strcmp(scratch_read("log"), "<3>plain\n"), "goes to standard error");
	use_file(false);
	log_event(LOG_NOTICE, &changed, "here");
	expect(journal, "", "where the journal is not standard error");
	ok(!strcmp(scratch_read("log"), "here\n"), "the line goes there");
}

static void test_context(int journal)
{
	const struct log_fields about = { .event = "test", .hook = "50-x", .generation = 3 };
	const struct log_fields ended = { .message = MESSAGE_HOOK_DONE, .outcome = "succeeded" };
	char want[512];

	use_file(true);
	journal_context(&about);
	log_info("any");
	snprintf(want, sizeof(want), "MESSAGE=any\n" HEAD("6")
		 "VMGEN_EVENT=test\nVMGEN_HOOK=50-x\nVMGEN_GENERATION=3\nOBJECT_PID=%d\n", getppid());
	expect(journal, want, "all lines of a keeper have its fields");
	log_event(LOG_INFO, &ended, "done");
	snprintf(want, sizeof(want), "MESSAGE=done\n" HEAD("6")
		 "MESSAGE_ID=3641d3e4178b48c3b32e4fd8b95adca9\n"
		 "VMGEN_EVENT=test\nVMGEN_HOOK=50-x\nVMGEN_OUTCOME=succeeded\nVMGEN_GENERATION=3\n"
		 "OBJECT_PID=%d\n", getppid());
	expect(journal, want, "beside those of the line");
	log_event(LOG_INFO, &changed, "own");
	ok(strstr(socket_read(journal), "VMGEN_EVENT=changed\nVMGEN_HOOK=50-x\nVMGEN_GENERATION=7\n"),
	   "which come first");
	journal_context(NULL);
	unlink(scratch_path("socket"));
	log_event(LOG_WARNING, &changed, "gone");
	ok(!strcmp(scratch_read("log"), "<4>gone\n"), "without journald it goes to standard error");
}

/* Logs on and on to what nobody reads. Returns how much was in there in the end. */
static size_t flood(int fd, int other)
{
	static char text[1 << 20];
	size_t size = 0, used;
	ssize_t n;
	int i;

	use(fd, true);
	close(fd);
	for (i = 0; i < 20000; i++)
		log_event(LOG_NOTICE, &changed, "line %d", i);
	(void)fcntl(other, F_SETFL, O_NONBLOCK);
	while ((n = read(other, text + size, sizeof(text) - 1 - size)) > 0)
		size += n;
	log_line(LOG_NOTICE, "once more");
	text[size] = '\0';
	/* A terminal hands it on a little later. */
	for (i = 0, used = size; i < SCRATCH_LOOKS && !strstr(text + size, "once more"); i++) {
		n = read(other, text + used, sizeof(text) - 1 - used);
		if (n <= 0)
			usleep(10000);
		used += n > 0 ? n : 0;
		text[used] = '\0';
	}
	ok(size && strstr(text + size, "<4>") && strstr(text + size, " lines of the log were lost here") &&
	   strstr(text + size, "<5>once more"), "what was lost is counted where it is missing");
	ok(isatty(other) || text[size - 1] == '\n', "and no line is cut");
	return size;
}

static void test_hang(void)
{
	int journal = socket_listen("socket", SOCK_DGRAM), fds[2];

	/* What waits for one of them waits for ever. */
	alarm(600);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		scratch_give_up("socketpair");
	ok(flood(fds[0], fds[1]) > 1000, "a journal that hangs");
	ok(*socket_read(journal), "has taken what it could");
	if (pipe(fds))
		scratch_give_up("pipe");
	ok(flood(fds[1], fds[0]) > 1000, "a pipe that nobody reads");
	ok(!(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK), "which stays as others had it");
	if (openpty(&fds[0], &fds[1], NULL, NULL, NULL))
		scratch_give_up("openpty");
	ok(flood(fds[1], fds[0]) > 1000, "a terminal that stands still");
	close(journal);
}

static void test_syslog(int saved)
{
	int syslog = socket_listen("log", SOCK_DGRAM), fd, i;
	char want[64];

	use(saved, false);
	log_to_syslog();
	(void)socket_read(syslog);
	log_notice("100%%: %s\n", "yes");
	snprintf(want, sizeof(want), "<29>vmgend[%d]: 100%%: yes\\x0a", getpid());
	expect(syslog, want, "a line goes to syslog");
	for (i = 0; i < 20000; i++)
		log_event(LOG_NOTICE, &changed, "line %d", i);
	while (*socket_read(syslog))
		;
	log_notice("once more");
	ok(strstr(socket_read(syslog), " lines of the log were lost here"), "one that hangs is not waited for");
	ok(strstr(socket_read(syslog), "once more"), "and takes up where it can");
	close(syslog);
	syslog = socket_listen("log", SOCK_STREAM);
	log_notice("stream");
	fd = accept(syslog, NULL, NULL);
	snprintf(want, sizeof(want), "<29>vmgend[%d]: stream", getpid());
	ok(recv(fd, want + 32, 32, 0) == (ssize_t)strlen(want) + 1 && !strcmp(want, want + 32),
	   "also to one that takes streams");
}

int main(void)
{
	int journal, saved;

	scratch_create();
	saved = dup(STDERR_FILENO);
	journal = socket_listen("socket", SOCK_DGRAM);
	test_fields(journal);
	test_context(journal);
	close(journal);
	test_hang();
	test_syslog(saved);
	return tap_done();
}
