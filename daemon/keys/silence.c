/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What is made, as nft(8) shows it, and the same for IPv6:
 *
 *	table inet vmgen_connections {
 *		set ended4 {
 *			type ipv4_addr . inet_service . ipv4_addr . inet_service
 *			flags dynamic,timeout
 *			timeout 1d
 *		}
 *		chain output {
 *			type filter hook output priority -350; policy accept;
 *			tcp flags & (syn | rst | ack) == syn delete @ended4 { ip saddr . ... }
 *			tcp flags & rst == rst ip saddr . tcp sport . ip daddr . tcp dport @ended4 drop
 *		}
 *	}
 */
/* First: Linux's own header of the same things gives way to it. */
#include <netinet/in.h>

#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stddef.h>
#include <string.h>

#include "silence.h"

#define CHAIN "output"

enum {
	/* Before all that tracks or rewrites, so the addresses are those of the socket. */
	PRIORITY = -350,
	MSEC_PER_SEC = 1000,
	SYN = 0x02, RST = 0x04, ACK = 0x10,
	TCP_FLAGS = 13,
	/* Types of nft(8), of which a key of several has 6 bits each. */
	TYPE_IPV4 = 7, TYPE_IPV6 = 8, TYPE_PORT = 13,
	PORT_SIZE = 2,
	/* Each part of a key begins at a multiple of 4. */
	PORT_ROOM = 4,
	KEY_MAX = 2 * (sizeof(struct in6_addr) + PORT_ROOM),
	PARCEL_SIZE = 32768,
};

static const struct version {
	const char *set;
	uint8_t protocol, type, address_size, own_at, peer_at;
} versions[] = {
	{ "ended4", NFPROTO_IPV4, TYPE_IPV4, 4, 12, 16 },
	{ "ended6", NFPROTO_IPV6, TYPE_IPV6, 16, 8, 24 },
};

enum { N_VERSIONS = sizeof(versions) / sizeof(versions[0]) };

/* Messages that the kernel takes as a whole. */
struct parcel {
	char bytes[PARCEL_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	size_t length;
	/* The one that is answered. */
	struct nlmsghdr *last;
	bool no_memory;
};

static void begin(struct parcel *parcel)
{
	parcel->length = nftnl_batch_begin(parcel->bytes, 0)->nlmsg_len;
	parcel->last = NULL;
	parcel->no_memory = false;
}

static struct nlmsghdr *add(struct parcel *parcel, uint16_t type, uint16_t flags)
{
	parcel->last = nftnl_nlmsg_build_hdr(parcel->bytes + parcel->length, type, NFPROTO_INET,
					    flags, 0);
	return parcel->last;
}

static void added(struct parcel *parcel)
{
	parcel->length += NLMSG_ALIGN(parcel->last->nlmsg_len);
}

static int submit(struct netlink *netfilter, struct parcel *parcel)
{
	if (parcel->no_memory)
		return -ENOMEM;
	parcel->last->nlmsg_flags |= NLM_F_ACK;
	parcel->length += nftnl_batch_end(parcel->bytes + parcel->length, 0)->nlmsg_len;
	return netlink_submit(netfilter, parcel->bytes, parcel->length);
}

static void add_table(struct parcel *parcel)
{
	struct nftnl_table *table = nftnl_table_alloc();

	if (!table || nftnl_table_set_str(table, NFTNL_TABLE_NAME, SILENCE_TABLE)) {
		parcel->no_memory = true;
	} else {
		nftnl_table_nlmsg_build_payload(add(parcel, NFT_MSG_NEWTABLE, NLM_F_CREATE), table);
		added(parcel);
	}
	if (table)
		nftnl_table_free(table);
}

static void add_chain(struct parcel *parcel)
{
	struct nftnl_chain *chain = nftnl_chain_alloc();

	if (!chain || nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, SILENCE_TABLE) ||
	    nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, CHAIN) ||
	    nftnl_chain_set_str(chain, NFTNL_CHAIN_TYPE, "filter")) {
		parcel->no_memory = true;
	} else {
		nftnl_chain_set_u32(chain, NFTNL_CHAIN_HOOKNUM, NF_INET_LOCAL_OUT);
		nftnl_chain_set_s32(chain, NFTNL_CHAIN_PRIO, PRIORITY);
		nftnl_chain_nlmsg_build_payload(add(parcel, NFT_MSG_NEWCHAIN, NLM_F_CREATE), chain);
		added(parcel);
	}
	if (chain)
		nftnl_chain_free(chain);
}

static uint32_t key_length(const struct version *version)
{
	return 2 * (version->address_size + PORT_ROOM);
}

static struct nftnl_set *make_set(const struct version *version)
{
	struct nftnl_set *set = nftnl_set_alloc();

	if (!set)
		return NULL;
	if (nftnl_set_set_str(set, NFTNL_SET_TABLE, SILENCE_TABLE) ||
	    nftnl_set_set_str(set, NFTNL_SET_NAME, version->set)) {
		nftnl_set_free(set);
		return NULL;
	}
	nftnl_set_set_u32(set, NFTNL_SET_FAMILY, NFPROTO_INET);
	nftnl_set_set_u32(set, NFTNL_SET_ID, version - versions + 1);
	return set;
}

static void add_set(struct parcel *parcel, const struct version *version)
{
	struct nftnl_set *set = make_set(version);
	uint32_t end = version->type << 6 | TYPE_PORT;

	if (!set) {
		parcel->no_memory = true;
		return;
	}
	nftnl_set_set_u32(set, NFTNL_SET_FLAGS, NFT_SET_TIMEOUT | NFT_SET_EVAL);
	nftnl_set_set_u64(set, NFTNL_SET_TIMEOUT, (uint64_t)SILENCE_SEC * MSEC_PER_SEC);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_TYPE, end << 12 | end);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_LEN, key_length(version));
	nftnl_set_nlmsg_build_payload(add(parcel, NFT_MSG_NEWSET, NLM_F_CREATE), set);
	added(parcel);
	nftnl_set_free(set);
}

/* Returns NULL where memory is short, which the parcel then knows. */
static struct nftnl_expr *add_expression(struct parcel *parcel, struct nftnl_rule *rule,
					 const char *name)
{
	struct nftnl_expr *expression = nftnl_expr_alloc(name);

	if (expression)
		nftnl_rule_add_expr(rule, expression);
	else
		parcel->no_memory = true;
	return expression;
}

static void compare_byte(struct parcel *parcel, struct nftnl_rule *rule, uint8_t value)
{
	struct nftnl_expr *e = add_expression(parcel, rule, "cmp");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, NFT_REG32_00);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, NFT_CMP_EQ);
	nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, &value, sizeof(value));
}

static void match_meta(struct parcel *parcel, struct nftnl_rule *rule, uint32_t key, uint8_t value)
{
	struct nftnl_expr *e = add_expression(parcel, rule, "meta");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, NFT_REG32_00);
	compare_byte(parcel, rule, value);
}

/* Returns the register after it. */
static uint32_t load(struct parcel *parcel, struct nftnl_rule *rule, uint32_t base, uint32_t offset,
		     uint32_t size, uint32_t reg)
{
	struct nftnl_expr *e = add_expression(parcel, rule, "payload");

	if (!e)
		return reg;
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, size);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, reg);
	return reg + (size + 3) / 4;
}

/* Of the flags in mask it has these, and no other. */
static void match_flags(struct parcel *parcel, struct nftnl_rule *rule, uint8_t mask, uint8_t flags)
{
	static const uint8_t none;
	struct nftnl_expr *e;

	(void)load(parcel, rule, NFT_PAYLOAD_TRANSPORT_HEADER, TCP_FLAGS, 1, NFT_REG32_00);
	e = add_expression(parcel, rule, "bitwise");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, NFT_REG32_00);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, NFT_REG32_00);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, sizeof(mask));
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, &mask, sizeof(mask));
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, &none, sizeof(none));
	compare_byte(parcel, rule, flags);
}

/* From the first register on there is what write_key() writes. */
static void load_key(struct parcel *parcel, struct nftnl_rule *rule, const struct version *version)
{
	uint32_t reg = NFT_REG32_00;

	reg = load(parcel, rule, NFT_PAYLOAD_NETWORK_HEADER, version->own_at, version->address_size,
		   reg);
	reg = load(parcel, rule, NFT_PAYLOAD_TRANSPORT_HEADER, 0, PORT_SIZE, reg);
	reg = load(parcel, rule, NFT_PAYLOAD_NETWORK_HEADER, version->peer_at,
		   version->address_size, reg);
	(void)load(parcel, rule, NFT_PAYLOAD_TRANSPORT_HEADER, PORT_SIZE, PORT_SIZE, reg);
}

static void delete_key(struct parcel *parcel, struct nftnl_rule *rule,
		       const struct version *version)
{
	struct nftnl_expr *e = add_expression(parcel, rule, "dynset");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_DELETE);
	nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_SREG_KEY, NFT_REG32_00);
	if (nftnl_expr_set_str(e, NFTNL_EXPR_DYNSET_SET_NAME, version->set))
		parcel->no_memory = true;
	nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_SET_ID, version - versions + 1);
}

static void drop_of_set(struct parcel *parcel, struct nftnl_rule *rule,
			const struct version *version)
{
	struct nftnl_expr *e = add_expression(parcel, rule, "lookup");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, NFT_REG32_00);
	if (nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, version->set))
		parcel->no_memory = true;
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SET_ID, version - versions + 1);
	e = add_expression(parcel, rule, "immediate");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, NF_DROP);
}

static struct nftnl_rule *make_rule(void)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();

	if (!rule)
		return NULL;
	if (!nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, SILENCE_TABLE) &&
	    !nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, CHAIN))
		return rule;
	nftnl_rule_free(rule);
	return NULL;
}

/*
 * The kernel's clients of NFS connect again from the same port. Their peer, which still has the
 * old connection, answers with an ACK of that, and takes no SYN before it gets an RST.
 */
static const struct deed {
	uint8_t mask, flags;
	void (*add)(struct parcel *parcel, struct nftnl_rule *rule, const struct version *version);
} deeds[] = {
	{ SYN | RST | ACK, SYN, delete_key },
	{ RST, RST, drop_of_set },
};

static void add_rule(struct parcel *parcel, const struct version *version, const struct deed *deed)
{
	struct nftnl_rule *rule = make_rule();

	if (!rule) {
		parcel->no_memory = true;
		return;
	}
	match_meta(parcel, rule, NFT_META_NFPROTO, version->protocol);
	match_meta(parcel, rule, NFT_META_L4PROTO, IPPROTO_TCP);
	match_flags(parcel, rule, deed->mask, deed->flags);
	load_key(parcel, rule, version);
	deed->add(parcel, rule, version);
	nftnl_rule_nlmsg_build_payload(add(parcel, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND),
				       rule);
	added(parcel);
	nftnl_rule_free(rule);
}

static void add_rules(struct parcel *parcel, const struct version *version)
{
	size_t i;

	for (i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++)
		add_rule(parcel, version, &deeds[i]);
}

/* Or an earlier run's would be there as well. */
static void remove_rules(struct parcel *parcel)
{
	struct nftnl_rule *rule = make_rule();

	if (!rule) {
		parcel->no_memory = true;
		return;
	}
	nftnl_rule_nlmsg_build_payload(add(parcel, NFT_MSG_DELRULE, 0), rule);
	added(parcel);
	nftnl_rule_free(rule);
}

int silence_prepare(struct netlink *netfilter)
{
	char buffer[NLMSG_SPACE(sizeof(struct nfgenmsg))] __attribute__((aligned(NLMSG_ALIGNTO)));

	return netlink_ask(netfilter, nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETGEN, NFPROTO_UNSPEC,
							    0, 0), NULL, NULL);
}

int silence_begin(struct netlink *netfilter)
{
	struct parcel parcel;
	unsigned int i;

	begin(&parcel);
	add_table(&parcel);
	add_chain(&parcel);
	remove_rules(&parcel);
	for (i = 0; i < N_VERSIONS; i++) {
		add_set(&parcel, &versions[i]);
		add_rules(&parcel, &versions[i]);
	}
	return submit(netfilter, &parcel);
}

/* Returns its length. */
static uint32_t write_key(const struct version *version, const struct connection *connection,
			  uint8_t key[KEY_MAX])
{
	const struct connection_ends ends = connection_ends(connection);
	size_t size = version->address_size, skip = sizeof(struct in6_addr) - size;

	memset(key, 0, KEY_MAX);
	memcpy(key, &ends.own.s6_addr[skip], size);
	memcpy(key + size, &connection->id.idiag_sport, PORT_SIZE);
	memcpy(key + size + PORT_ROOM, &ends.peer.s6_addr[skip], size);
	memcpy(key + 2 * size + PORT_ROOM, &connection->id.idiag_dport, PORT_SIZE);
	return key_length(version);
}

static bool is_of(const struct version *version, const struct connection *connection)
{
	const struct connection_ends ends = connection_ends(connection);

	return IN6_IS_ADDR_V4MAPPED(&ends.peer) == (version->protocol == NFPROTO_IPV4);
}

static int add_element(struct nftnl_set *set, const struct version *version,
		       const struct connection *connection)
{
	struct nftnl_set_elem *element = nftnl_set_elem_alloc();
	uint8_t key[KEY_MAX];
	uint32_t length = write_key(version, connection, key);

	if (!element || nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, key, length)) {
		if (element)
			nftnl_set_elem_free(element);
		return -ENOMEM;
	}
	nftnl_set_elem_add(set, element);
	return 0;
}

static void add_elements(struct parcel *parcel, const struct version *version,
			 const struct connection *connections, size_t n)
{
	struct nftnl_set *set = make_set(version);
	size_t i, used = 0;

	parcel->no_memory |= !set;
	for (i = 0; set && i < n; i++) {
		if (!is_of(version, &connections[i]))
			continue;
		parcel->no_memory |= add_element(set, version, &connections[i]) < 0;
		used++;
	}
	if (used) {
		nftnl_set_elems_nlmsg_build_payload(add(parcel, NFT_MSG_NEWSETELEM, NLM_F_CREATE),
						    set);
		added(parcel);
	}
	if (set)
		nftnl_set_free(set);
}

int silence_add(struct netlink *netfilter, const struct connection *connections, size_t n)
{
	struct parcel parcel;
	unsigned int i;

	if (!n)
		return 0;
	begin(&parcel);
	for (i = 0; i < N_VERSIONS; i++)
		add_elements(&parcel, &versions[i], connections, n);
	return submit(netfilter, &parcel);
}
