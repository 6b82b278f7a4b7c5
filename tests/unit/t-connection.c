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

#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "tap.h"

enum { SENT_MAX = 64, PORT_NUMBER = 77 };

/* ---- the kernel ---------------------------------------------------------------------- */

struct socket_played {
	const char *own, *peer;
	uint16_t own_port, peer_port;
	uint8_t state;
	bool ktls;
};

/* The cookie of each is its place here. */
static const struct socket_played few[] = {
	{ "192.0.2.1", "198.51.100.1", 40000, 443, TCP_ESTABLISHED, false },
	{ "192.0.2.1", "198.51.100.2", 22, 40001, TCP_CLOSE_WAIT, false },
	{ "127.0.0.1", "127.0.0.1", 40002, 80, TCP_ESTABLISHED, false },
	{ "192.0.2.1", "192.0.2.7", 40003, 80, TCP_ESTABLISHED, false },
	{ "192.0.2.1", "203.0.113.9", 40004, 5432, TCP_ESTABLISHED, false },
	{ "192.0.2.1", "198.51.100.3", 40005, 443, TCP_FIN_WAIT2, false },
	{ "2001:db8::1", "2001:db8::2", 40006, 443, TCP_ESTABLISHED, true },
	{ "::ffff:192.0.2.1", "::ffff:198.51.100.4", 40007, 443, TCP_ESTABLISHED, false },
	{ "::1", "::1", 40008, 443, TCP_ESTABLISHED, false },
	{ "::ffff:127.0.0.1", "::ffff:127.0.0.9", 40009, 443, TCP_ESTABLISHED, false },
};

enum { N_FEW = sizeof(few) / sizeof(few[0]) };

static struct {
	/* Of what was sent, in order; of a SOCK_DESTROY its cookie as well. */
	struct { uint16_t type; uint32_t cookie; } sent[SENT_MAX];
	unsigned int n_sent;
} *heard;

static struct {
	/* -errno with which the kernel answers. */
	int list, filter, end;
	/* The cookie of one that alone is answered so. */
	uint32_t end_of;
	size_t many;
	bool late;
} plays;

static struct {
	uint16_t type;
	uint8_t family;
	uint32_t sequence, at;
	int error;
} request;

int mnl_socket_bind(struct mnl_socket *s, unsigned int groups, pid_t pid)
{
	(void)s;
	(void)groups;
	(void)pid;
	return 0;
}

struct mnl_socket *mnl_socket_open2(int bus, int flags)
{
	(void)bus;
	(void)flags;
	/* Enough for libmnl, which does not get its options set. */
	return calloc(1, 64);
}

int mnl_socket_close(struct mnl_socket *s)
{
	free(s);
	return 0;
}

unsigned int mnl_socket_get_portid(const struct mnl_socket *s)
{
	(void)s;
	return PORT_NUMBER;
}

/* There is always something to read. */
int mnl_socket_get_fd(const struct mnl_socket *s)
{
	static int fd = -1;

	(void)s;
	if (fd < 0)
		fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	return fd;
}

static void hear(const struct nlmsghdr *message)
{
	const struct inet_diag_req_v2 *diag = mnl_nlmsg_get_payload(message);

	request.sequence = message->nlmsg_seq;
	request.type = message->nlmsg_type;
	request.at = 0;
	request.error = 0;
	if (message->nlmsg_type == SOCK_DIAG_BY_FAMILY) {
		request.family = diag->sdiag_family;
		request.error = plays.list;
		request.at = diag->idiag_states ? 0 : N_FEW;
	} else if (message->nlmsg_type == SOCK_DESTROY) {
		if (!plays.end_of || plays.end_of == diag->id.idiag_cookie[0])
			request.error = plays.end;
		if (plays.late)
			run.deadline = 0;
	} else if (message->nlmsg_type >> 8 == NFNL_SUBSYS_NFTABLES) {
		request.error = plays.filter;
	}
	if (!heard || heard->n_sent == SENT_MAX)
		return;
	heard->sent[heard->n_sent].type = message->nlmsg_type;
	heard->sent[heard->n_sent++].cookie =
		message->nlmsg_type == SOCK_DESTROY ? diag->id.idiag_cookie[0] : 0;
}

ssize_t mnl_socket_sendto(const struct mnl_socket *s, const void *buffer, size_t size)
{
	const struct nlmsghdr *message = buffer;
	int left = size;

	(void)s;
	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
		if (message->nlmsg_type != NFNL_MSG_BATCH_BEGIN &&
		    message->nlmsg_type != NFNL_MSG_BATCH_END)
			hear(message);
	return size;
}

static struct nlmsghdr *answer(void *buffer, uint16_t type)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

	message->nlmsg_type = type;
	message->nlmsg_seq = request.sequence;
	message->nlmsg_pid = PORT_NUMBER;
	return message;
}

static size_t answer_end(void *buffer, uint16_t type)
{
	struct nlmsghdr *message = answer(buffer, type);

	*(int *)mnl_nlmsg_put_extra_header(message, sizeof(struct nlmsgerr)) = request.error;
	request.type = 0;
	return message->nlmsg_len;
}

static size_t answer_socket(void *buffer, const struct socket_played *played, uint32_t cookie)
{
	struct nlmsghdr *message = answer(buffer, SOCK_DIAG_BY_FAMILY);
	struct inet_diag_msg *told = mnl_nlmsg_put_extra_header(message, sizeof(*told));
	struct nlattr *nest;

	told->idiag_family = strchr(played->peer, ':') ? AF_INET6 : AF_INET;
	told->idiag_state = played->state;
	told->id.idiag_sport = htons(played->own_port);
	told->id.idiag_dport = htons(played->peer_port);
	told->id.idiag_cookie[0] = cookie;
	(void)inet_pton(told->idiag_family, played->own, told->id.idiag_src);
	(void)inet_pton(told->idiag_family, played->peer, told->id.idiag_dst);
	if (played->ktls) {
		nest = mnl_attr_nest_start(message, INET_DIAG_ULP_INFO);
		mnl_attr_put_strz(message, INET_ULP_INFO_NAME, "tls");
		mnl_attr_nest_end(message, nest);
	}
	return message->nlmsg_len;
}

static size_t answer_sockets(char *buffer, size_t room)
{
	size_t used = 0, n = plays.many ? plays.many : N_FEW;
	const struct socket_played *played;

	for (; request.at < n && room - used > 256; request.at++) {
		played = &few[plays.many ? 0 : request.at];
		if (!!strchr(played->peer, ':') == (request.family == AF_INET6))
			used += answer_socket(buffer + used, played, request.at + 1);
	}
	return used ? used : answer_end(buffer, NLMSG_DONE);
}

static size_t answer_address(void *buffer)
{
	struct nlmsghdr *message = answer(buffer, RTM_NEWADDR);
	struct ifaddrmsg *told = mnl_nlmsg_put_extra_header(message, sizeof(*told));

	if (request.at++)
		return answer_end(buffer, NLMSG_DONE);
	told->ifa_family = AF_INET;
	/* Of a point-to-point link: the peer's, and this machine's. */
	mnl_attr_put_u32(message, IFA_ADDRESS, inet_addr("198.51.100.1"));
	mnl_attr_put_u32(message, IFA_LOCAL, inet_addr("192.0.2.7"));
	return message->nlmsg_len;
}

ssize_t mnl_socket_recvfrom(const struct mnl_socket *s, void *buffer, size_t size)
{
	(void)s;
	if (request.type == SOCK_DIAG_BY_FAMILY)
		return request.error ? answer_end(buffer, NLMSG_DONE) :
		       answer_sockets(buffer, size);
	if (request.type == RTM_GETADDR)
		return answer_address(buffer);
	return answer_end(buffer, NLMSG_ERROR);
}

int netns_walk(int limit_ms, const struct netns_visitor *visitor)
{
	(void)limit_ms;
	visitor->visit("", visitor->context);
	return 0;
}

/* ---- the hook ------------------------------------------------------------------------ */

static const char *said;

static int run_hook(const char *event)
{
	int status;
	pid_t pid;

	heard->n_sent = 0;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (!freopen(scratch_path("out"), "w", stdout) || setenv("VMGEN_EVENT", event, 1))
			_exit(99);
		exit(hook_main());
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		scratch_give_up("fork");
	said = scratch_read("out");
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
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
	equal(count(NEW_RULE, &rule), 2, "there is a rule for each version of IP");
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
	ok(ended() == 1 && has("run the hook as root"), "with its remedy");
	plays.end = -ENOENT;
	plays.end_of = 1;
	equal(run_hook("changed"), DONE, "one that is gone meanwhile is none");
	ok(ended() == 4 && has("ended 3 TCP connections"), "the others are ended");
	plays.end = -EBUSY;
	equal(run_hook("changed"), FAILED, "one that cannot be ended is a failure");
	ok(ended() == 4 && has("192.0.2.1:40000 - 198.51.100.1:443 stays"), "and is named");
	plays.end = 0;

	plays.late = true;
	equal(run_hook("changed"), FAILED, "when the time is over that is a failure");
	ok(ended() == 1 && has("3 connections were not reached in time"), "the rest is told");
	plays.late = false;
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
	connect_to_self();
	ok(connection_exists(), "there is one");
	test_changed();
	test_failures();
	test_file();
	test_many();
	return tap_done();
}
