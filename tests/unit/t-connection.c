/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The whole of 10-connections on a kernel that is played below libmnl: what it ends, in which
 * order, and what it does where that kernel cannot. Its network name space is its own.
 */
#include "keys/exception.h"
#include "scratch.h"
#undef EXCEPTION_PATH
#define EXCEPTION_PATH scratch_path("kept")

int hook_main(void);
#define main hook_main
#include "hooks/connections.c"
#undef main

#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "diag.h"
#include "tap.h"

/* As if the time were over with the first. */
static void end_time(void)
{
	run.deadline = 0;
}

/* Network name spaces besides its own. */
static struct {
	const char *other, *missed;
	/* Its owner is another user, and has it answer so. */
	bool foreign;
	int error;
	int result;
} walks;

int netns_walk(int limit_ms, const struct netns_visitor *visitor)
{
	(void)limit_ms;
	visitor->visit(&(struct netns){ .name = "" }, visitor->context);
	plays.filter = walks.error;
	if (walks.other)
		visitor->visit(&(struct netns){ .name = walks.other, .foreign = walks.foreign },
			       visitor->context);
	plays.filter = 0;
	if (walks.missed)
		visitor->missed(&(struct netns){ .name = walks.missed, .foreign = walks.foreign },
				-EACCES, visitor->context);
	return walks.result;
}

/* ---- the hook ------------------------------------------------------------------------ */

static const char *said;

static void __attribute__((noreturn)) be_hook(void)
{
	if (!freopen(scratch_path("out"), "w", stdout))
		_exit(99);
	exit(hook_main());
}

static int await_hook(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		scratch_give_up("fork");
	said = scratch_read("out");
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int run_hook(const char *event)
{
	pid_t pid;

	heard->n_sent = 0;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (setenv("VMGEN_EVENT", event, 1))
			_exit(99);
		be_hook();
	}
	return await_hook(pid);
}

/* Has one stand by, and returns where it waits. */
static int start_standby(pid_t *ret_pid)
{
	int fds[2], i;

	heard->n_sent = 0;
	fflush(stdout);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		scratch_give_up("socketpair");
	*ret_pid = fork();
	if (!*ret_pid) {
		close(fds[0]);
		if (dup2(fds[1], STDIN_FILENO) < 0 || setenv("VMGEN_STANDBY", "1", 1))
			_exit(99);
		be_hook();
	}
	close(fds[1]);
	for (i = 0; i < SCRATCH_LOOKS && heard->n_sent < 2; i++)
		usleep(10000);
	return fds[0];
}

/* Returns how many of a type were sent, and the place of the first. */
static unsigned int count(uint16_t type, unsigned int *ret_first)
{
	unsigned int i, n = 0;

	for (i = heard->n_sent; i-- > 0;)
		if (heard->sent[i].type == type) {
			n++;
			*ret_first = i;
		}
	return n;
}

static unsigned int ended(void)
{
	unsigned int first;

	return count(SOCK_DESTROY, &first);
}

static bool was_ended(const char *peer)
{
	unsigned int i;

	for (i = 0; i < heard->n_sent; i++)
		if (heard->sent[i].type == SOCK_DESTROY &&
		    !strcmp(few[heard->sent[i].cookie - 1].peer, peer))
			return true;
	return false;
}

static bool has(const char *text)
{
	if (strstr(said, text))
		return true;
	printf("# said: %s\n", said);
	return false;
}

enum {
	NEW_RULE = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE,
	NEW_ELEMENTS = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM,
	GET_GENERATION = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN,
	NEW_TABLE = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE,
};

static void test_changed(void)
{
	unsigned int rule, elements, end, none;

	scratch_write("kept", "# a database\npeer 203.0.113.0/24 peer-port 5432 # kept\n", 0644);
	equal(run_hook("changed"), DONE, "connections are ended");
	equal(ended(), 4, "as many as there are to other machines");
	ok(was_ended("198.51.100.1"), "one to the peer of a point-to-point link");
	ok(was_ended("198.51.100.2"), "one that the peer has closed");
	ok(was_ended("::ffff:198.51.100.4"), "one of IPv4 by a socket of IPv6");
	ok(!was_ended("203.0.113.9"), "not an exception");
	ok(!was_ended("198.51.100.3"), "not one that this side has closed");
	ok(!was_ended("192.0.2.7") && !was_ended("127.0.0.1") && !was_ended("::1") &&
	   !was_ended("::ffff:127.0.0.9"), "none within the machine");
	equal(count(NEW_RULE, &rule), 4, "there are two rules for each version of IP");
	equal(count(NEW_ELEMENTS, &elements), 2, "and elements for each");
	(void)count(SOCK_DESTROY, &end);
	ok(rule < elements && elements < end, "RSTs are dropped before one can leave");
	ok(heard->sent[end].cookie == 7, "keys in the kernel come first");
	ok(has("ended 4 TCP connections, 1 of them"), "it is said how many");
	ok(has("ended [2001:db8::1]:40006 - [2001:db8::2]:443 (kTLS)\n"), "and which");
	ok(has("1 TCP connections stay, because "), "and what stays");
	equal(run_hook("test"), DONE, "a drill succeeds");
	ok(!ended() && !count(NEW_TABLE, &none), "and changes nothing");
	ok(has("would end 4 TCP connections, 1 of them") &&
	   has("would end 192.0.2.1:40000 - 198.51.100.1:443\n"), "it says what it would do");
	equal(run_hook("unknown"), NOT_APPLICABLE, "at other events it does not apply");
	equal(heard->n_sent, 0, "and asks nothing");
}

static void test_failures(void)
{
	plays.filter = -EOPNOTSUPP;
	equal(run_hook("changed"), FAILED, "without nftables the hook fails");
	ok(!ended() && has("modprobe nf_tables"), "ends nothing, and names the module");
	equal(run_hook("test"), FAILED, "a drill says so");
	plays.filter = 0;

	plays.list = -ENOENT;
	equal(run_hook("changed"), FAILED, "without tcp_diag the hook fails");
	ok(!ended() && has("modprobe tcp_diag"), "and names the module");
	plays.list = 0;

	plays.end = -EOPNOTSUPP;
	equal(run_hook("changed"), FAILED, "a kernel that cannot end one is a failure");
	ok(ended() == 1 && has("CONFIG_INET_DIAG_DESTROY"), "which is found out once");
	plays.end = -EPERM;
	equal(run_hook("changed"), FAILED, "one that may not, too");
	ok(ended() == 1 && has("CAP_NET_ADMIN"), "with its remedy");
	plays.end = -ENOENT;
	plays.end_of = 1;
	equal(run_hook("changed"), DONE, "one that is gone meanwhile is none");
	ok(ended() == 4 && has("ended 3 TCP connections"), "the others are ended");
	plays.end = -EBUSY;
	equal(run_hook("changed"), FAILED, "one that cannot be ended is a failure");
	ok(ended() == 4 && has("192.0.2.1:40000 - 198.51.100.1:443 stays"), "and is named");
	plays.end = 0;

	plays.ended = end_time;
	equal(run_hook("changed"), FAILED, "when the time is over that is a failure");
	ok(ended() == 1 && has("3 connections were not reached in time"), "the rest is told");
	plays.ended = NULL;
}

static void test_name_spaces(void)
{
	walks.other = "bl\033ue";
	equal(run_hook("changed"), DONE, "another network name space is visited");
	equal(ended(), 8, "as its own is");
	ok(has("network name space bl\\x1bue: ended 192.0.2.1:40000 - 198.51.100.1:443\n"),
	   "it is named, safely");
	walks.error = -EPERM;
	equal(run_hook("changed"), FAILED, "one where somebody has the table is a failure");
	ok(ended() == 4 && has("no other program may own the table vmgen_connections"),
	   "with its remedy");
	walks.foreign = true;
	walks.missed = "green";
	equal(run_hook("changed"), DONE, "but not one of another user");
	ok(has("bl\\x1bue: the RSTs") && has("green: cannot be entered"), "which is words only");
	walks.foreign = false;
	walks.error = 0;
	walks.other = NULL;
	walks.missed = "red";
	equal(run_hook("changed"), FAILED, "one that cannot be entered is a failure");
	ok(ended() == 4 && has("network name space red: cannot be entered"), "and is named");
	walks.missed = NULL;
	walks.result = -E2BIG;
	equal(run_hook("changed"), FAILED, "more than the walk takes are a failure");
	ok(ended() == 4 && has("not all network name spaces were looked at"), "which is told");
	walks.result = 0;
}

static void test_standby(void)
{
	static const char packet[] = "VMGEN_EVENT=changed";
	unsigned int i, before;
	pid_t pid;
	int fd;

	scratch_write("kept", "port 1\n", 0644);
	fd = start_standby(&pid);
	equal(heard->n_sent, 2, "a guard that stands by asks twice, so that modules are loaded");
	ok(heard->sent[0].type == SOCK_DIAG_BY_FAMILY && heard->sent[1].type == GET_GENERATION,
	   "without a change");
	scratch_write("kept", "peer 203.0.113.0/24\n", 0644);
	before = heard->n_sent;
	ok(send(fd, packet, sizeof(packet), 0) == sizeof(packet) && await_hook(pid) == DONE,
	   "at the change it works");
	equal(ended(), 4, "by the exceptions of now");
	for (i = before; i < heard->n_sent && heard->sent[i].type != SOCK_DIAG_BY_FAMILY; i++)
		;
	equal(i, before, "and begins with the connections");
	close(fd);
	fd = start_standby(&pid);
	close(fd);
	equal(await_hook(pid), DONE, "one that is not needed any more ends");
	equal(heard->n_sent, 2, "and does nothing");
}

static void test_file(void)
{
	scratch_write("kept", "port 9\nport ssh\n", 0644);
	equal(run_hook("changed"), FAILED, "with a mistake among the exceptions the hook fails");
	ok(!heard->n_sent && has("line 2: \"ssh\" is no port") && has("all connections stay"),
	   "it asks nothing, and says why");
	(void)unlink(scratch_path("kept"));
	ok(run_hook("changed") == DONE && ended() == 5, "without the file there is no exception");
}

static void test_many(void)
{
	struct connections connections = { .n = 0 };
	struct netlink diag;

	plays.many = CONNECTION_MAX + 1;
	equal(netlink_open(NETLINK_SOCK_DIAG, &diag), 0, "more connections than fit are played");
	equal(connection_list(&diag, &connections), 0, "they are listed");
	ok(connections.full && connections.n == CONNECTION_MAX, "as far as there is room");
	plays.many = 0;
	connection_free(&connections);
	netlink_close(&diag);
}

/* ---- what vmgenctl asks ------------------------------------------------------------------ */

/* Its own /proc and /sys, with nothing but what a test puts there. */
static void make_machine(void)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/proc", "tmpfs", 0, NULL) || mount("none", "/sys", "tmpfs", 0, NULL) ||
	    mkdir("/proc/thread-self", 0755) || mkdir("/proc/thread-self/net", 0755) ||
	    mkdir("/sys/module", 0755))
		scratch_give_up("a machine of its own");
}

/* The sanitizer asks the real one at the end. */
static void leave_machine(void)
{
	if (umount("/proc") || umount("/sys"))
		scratch_give_up("umount");
}

static void write_stat(const char *text)
{
	FILE *file = fopen("/proc/thread-self/net/tls_stat", "w");

	if (!file || fputs(text, file) == EOF || fclose(file))
		scratch_give_up("tls_stat");
}

static void test_addresses(void)
{
	plays.addresses = LOCAL_MAX;
	equal(run_hook("changed"), FAILED, "more addresses than anybody has are a failure");
	ok(!ended() && has("more than 65536 addresses"), "and end nothing");
	plays.addresses = 0;
}

static void test_ktls(void)
{
	unsigned long n = 9;

	make_machine();
	heard->n_sent = 0;
	ok(!connection_count_ktls(&n) && !n,
	   "without the module tls no connection has keys in the kernel");
	write_stat("TlsCurrTxSw  \t0\nTlsCurrRxSw \t0\nTlsTxSw \t7\n");
	ok(!connection_count_ktls(&n) && !n, "nor where there was one");
	write_stat("TlsCurrTxSw\t2\nTlsCurrRxSw\t1\nTlsCurrTxDevice\t1\nTlsTxSw\t7\n");
	ok(!connection_count_ktls(&n) && n == 3, "those that there are, are counted");
	equal(heard->n_sent, 0, "without a question that would load tcp_diag");
	leave_machine();
}

/* ---- the network --------------------------------------------------------------------- */

/* Of its own, so that nothing but the test decides whether there are connections. */
static void isolate(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	if (unshare(CLONE_NEWNET))
		scratch_give_up("unshare");
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (ioctl(fd, SIOCSIFFLAGS, &lo))
		scratch_give_up("lo");
	close(fd);
}

static void connect_to_self(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);
	int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(server, (struct sockaddr *)&address, size) || listen(server, 1) ||
	    getsockname(server, (struct sockaddr *)&address, &size) ||
	    connect(client, (struct sockaddr *)&address, size))
		scratch_give_up("connect");
}

int main(void)
{
	scratch_create();
	heard = mmap(NULL, sizeof(*heard), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	if (heard == MAP_FAILED)
		scratch_give_up("mmap");
	isolate();
	ok(!connection_exists(), "there is no connection");
	equal(run_hook("changed"), NOT_APPLICABLE, "the hook does not apply");
	equal(heard->n_sent, 0, "and asks nothing, so nothing is loaded");
	/* What is played is listed anyway by one that need not look into /proc. */
	test_standby();
	connect_to_self();
	ok(connection_exists(), "there is one");
	test_changed();
	test_failures();
	test_name_spaces();
	test_file();
	test_many();
	test_addresses();
	test_ktls();
	return tap_done();
}
