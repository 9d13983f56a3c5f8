/* What the relay changes of its network: an address of lo, and two rules that rewrite ports. */
#include "pause.h"

enum { NETLINK_ROUTE = 0, NETLINK_NETFILTER = 12 };
enum { NLMSG_ERROR = 2, RTM_NEWLINK = 16, RTM_NEWADDR = 20 };
enum { NLM_F_REQUEST = 1, NLM_F_ACK = 4, NLM_F_CREATE = 0x400, NLM_F_APPEND = 0x800 };
enum { LOOPBACK_INDEX = 1, IFF_UP = 1 };
enum { IFA_ADDRESS = 1, IFA_LOCAL = 2, IFA_F_NODAD = 2, RT_SCOPE_HOST = 254 };

enum { NFNL_MSG_BATCH_BEGIN = 16, NFNL_MSG_BATCH_END = 17, NFNL_SUBSYS_NFTABLES = 10 };
enum { NFT_MSG_NEWTABLE = NFNL_SUBSYS_NFTABLES << 8 | 0, NFT_MSG_NEWCHAIN = NFNL_SUBSYS_NFTABLES << 8 | 3, NFT_MSG_NEWRULE = NFNL_SUBSYS_NFTABLES << 8 | 6 };
enum { NF_INET_LOCAL_OUT = 3, NFPROTO_IPV4 = 2, NFPROTO_IPV6 = 10, NLA_F_NESTED = 0x8000 };
enum { NFTA_TABLE_NAME = 1 };
enum { NFTA_CHAIN_TABLE = 1, NFTA_CHAIN_NAME = 3, NFTA_CHAIN_HOOK = 4, NFTA_CHAIN_TYPE = 7, NFTA_HOOK_HOOKNUM = 1, NFTA_HOOK_PRIORITY = 2 };
enum { NFTA_RULE_TABLE = 1, NFTA_RULE_CHAIN = 2, NFTA_RULE_EXPRESSIONS = 4, NFTA_LIST_ELEM = 1, NFTA_EXPR_NAME = 1, NFTA_EXPR_DATA = 2, NFTA_DATA_VALUE = 1 };
enum { NFTA_META_DREG = 1, NFTA_META_KEY = 2, NFT_META_L4PROTO = 16 };
enum { NFTA_CMP_SREG = 1, NFTA_CMP_OP = 2, NFTA_CMP_DATA = 3, NFT_CMP_EQ = 0 };
enum { NFTA_IMMEDIATE_DREG = 1, NFTA_IMMEDIATE_DATA = 2 };
enum {
  NFTA_PAYLOAD_DREG = 1, NFTA_PAYLOAD_BASE = 2, NFTA_PAYLOAD_OFFSET = 3, NFTA_PAYLOAD_LEN = 4, NFTA_PAYLOAD_SREG = 5, NFTA_PAYLOAD_CSUM_TYPE = 6,
  NFTA_PAYLOAD_CSUM_OFFSET = 7, NFT_PAYLOAD_NETWORK_HEADER = 1, NFT_PAYLOAD_TRANSPORT_HEADER = 2, NFT_PAYLOAD_CSUM_INET = 1,
};
enum { REGISTER = 1 };

/* Messages that are being written, one after the other. The largest batch takes 1.3 kB. */
struct batch {
  uint32_t words[1024];
  uint32_t size;
  /* Where the message that is being written starts, and how many messages want an answer. */
  uint32_t message;
  uint32_t sequence;
  int answers;
};

static uint8_t *bytes_at(struct batch *batch, uint32_t at) { return (uint8_t *)batch->words + at; }

static void put(struct batch *batch, const void *bytes, uint32_t size) {
  uint32_t padded = (size + 3) & ~3u;
  if (batch->size + padded > sizeof batch->words) fail(FAILED, "Cannot write a netlink message: it is too long");
  memcpy(bytes_at(batch, batch->size), bytes, size);
  batch->size += padded;
}

/* Starts a message with its own header; what came before it is complete. */
static void begin(struct batch *batch, uint16_t type, uint16_t flags, const void *header, uint32_t size) {
  struct { uint32_t length; uint16_t type, flags; uint32_t sequence, port; } head = {0, type, (uint16_t)(flags | NLM_F_REQUEST), ++batch->sequence, 0};
  batch->message = batch->size;
  if (flags & NLM_F_ACK) batch->answers++;
  put(batch, &head, sizeof head);
  put(batch, header, size);
}

static void end(struct batch *batch) { batch->words[batch->message / 4] = batch->size - batch->message; }

static void attribute(struct batch *batch, uint16_t type, const void *bytes, uint32_t size) {
  uint16_t head[2] = {(uint16_t)(size + 4), type};
  put(batch, head, 4);
  put(batch, bytes, size);
}

static void text(struct batch *batch, uint16_t type, const char *text) {
  uint32_t size = 1;
  while (text[size - 1] != 0) size++;
  attribute(batch, type, text, size);
}

/* netfilter's numbers are big endian. */
static void number(struct batch *batch, uint16_t type, uint32_t value) {
  uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
  attribute(batch, type, bytes, 4);
}

static uint32_t open_nest(struct batch *batch, uint16_t type) {
  uint32_t at = batch->size;
  attribute(batch, type | NLA_F_NESTED, NULL, 0);
  return at;
}

static void close_nest(struct batch *batch, uint32_t at) {
  uint16_t size = (uint16_t)(batch->size - at);
  memcpy(bytes_at(batch, at), &size, sizeof size);
}

/* Sends the batch and reads what the kernel says: 0, or the first error. */
static long transact(struct batch *batch, int protocol) {
  long fd = CALL(socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol, 0, 0, 0);
  if (fd < 0) return fd;
  struct { uint16_t family, pad; uint32_t port, groups; } kernel = {AF_NETLINK, 0, 0, 0};
  long result = CALL(sendto, fd, batch->words, batch->size, 0, &kernel, sizeof kernel);
  while (result >= 0 && batch->answers > 0) {
    /* An answer may hold the message that was wrong. */
    static uint32_t answer[2048];
    long size = CALL(recvfrom, fd, answer, sizeof answer, 0, 0, 0);
    if (size == -E_INTR) continue;
    if (size < 0) result = size;
    for (long at = 0; size - at >= 20 && result >= 0;) {
      uint32_t length = answer[at / 4];
      if ((answer[at / 4 + 1] & 0xffff) == NLMSG_ERROR) {
        batch->answers--;
        int32_t error = (int32_t)answer[at / 4 + 4];
        if (error < 0 && error != -E_EXIST) result = error;
      }
      if (length < 16 || length > (uint32_t)(size - at)) break;
      at += (long)((length + 3) & ~3u);
    }
  }
  close_fd((int)fd);
  return result < 0 ? result : 0;
}

static uint32_t ip_size(const struct endpoint *endpoint) { return endpoint->family == AF_INET ? 4 : 16; }

long add_to_loopback(const struct endpoint *endpoint) {
  static struct batch batch;
  struct { uint8_t family, pad; uint16_t type; int32_t index; uint32_t flags, change; } up = {0, 0, 0, LOOPBACK_INDEX, IFF_UP, IFF_UP};
  begin(&batch, RTM_NEWLINK, NLM_F_ACK, &up, sizeof up);
  end(&batch);
  struct { uint8_t family, prefix, flags, scope; uint32_t index; } address = {
    (uint8_t)endpoint->family, (uint8_t)(8 * ip_size(endpoint)), IFA_F_NODAD, RT_SCOPE_HOST, LOOPBACK_INDEX,
  };
  begin(&batch, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE, &address, sizeof address);
  attribute(&batch, IFA_LOCAL, endpoint->ip, ip_size(endpoint));
  attribute(&batch, IFA_ADDRESS, endpoint->ip, ip_size(endpoint));
  end(&batch);
  return transact(&batch, NETLINK_ROUTE);
}

static const char table[] = "farlet";

static void begin_nft(struct batch *batch, uint16_t type, uint16_t flags, const struct endpoint *endpoint) {
  uint8_t family = endpoint->family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6;
  bool batching = type == NFNL_MSG_BATCH_BEGIN || type == NFNL_MSG_BATCH_END;
  /* The last two bytes name the subsystem, big endian, in what surrounds a batch. */
  uint8_t header[4] = {batching ? 0 : family, 0, 0, batching ? NFNL_SUBSYS_NFTABLES : 0};
  begin(batch, type, flags, header, sizeof header);
}

static uint32_t open_expression(struct batch *batch, const char *name, uint32_t *element) {
  *element = open_nest(batch, NFTA_LIST_ELEM);
  text(batch, NFTA_EXPR_NAME, name);
  return open_nest(batch, NFTA_EXPR_DATA);
}

static void close_expression(struct batch *batch, uint32_t data, uint32_t element) {
  close_nest(batch, data);
  close_nest(batch, element);
}

static void value(struct batch *batch, uint16_t type, const void *bytes, uint32_t size) {
  uint32_t nest = open_nest(batch, type);
  attribute(batch, NFTA_DATA_VALUE, bytes, size);
  close_nest(batch, nest);
}

static void compare(struct batch *batch, const void *bytes, uint32_t size) {
  uint32_t element, data = open_expression(batch, "cmp", &element);
  number(batch, NFTA_CMP_SREG, REGISTER);
  number(batch, NFTA_CMP_OP, NFT_CMP_EQ);
  value(batch, NFTA_CMP_DATA, bytes, size);
  close_expression(batch, data, element);
}

static void compare_payload(struct batch *batch, uint32_t base, uint32_t offset, const void *bytes, uint32_t size) {
  uint32_t element, data = open_expression(batch, "payload", &element);
  number(batch, NFTA_PAYLOAD_DREG, REGISTER);
  number(batch, NFTA_PAYLOAD_BASE, base);
  number(batch, NFTA_PAYLOAD_OFFSET, offset);
  number(batch, NFTA_PAYLOAD_LEN, size);
  close_expression(batch, data, element);
  compare(batch, bytes, size);
}

static void compare_protocol(struct batch *batch) {
  uint8_t tcp = IPPROTO_TCP;
  uint32_t element, data = open_expression(batch, "meta", &element);
  number(batch, NFTA_META_KEY, NFT_META_L4PROTO);
  number(batch, NFTA_META_DREG, REGISTER);
  close_expression(batch, data, element);
  compare(batch, &tcp, 1);
}

static void set_port(struct batch *batch, uint32_t offset, const uint8_t *port) {
  uint32_t element, data = open_expression(batch, "immediate", &element);
  number(batch, NFTA_IMMEDIATE_DREG, REGISTER);
  value(batch, NFTA_IMMEDIATE_DATA, port, 2);
  close_expression(batch, data, element);
  data = open_expression(batch, "payload", &element);
  number(batch, NFTA_PAYLOAD_SREG, REGISTER);
  number(batch, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
  number(batch, NFTA_PAYLOAD_OFFSET, offset);
  number(batch, NFTA_PAYLOAD_LEN, 2);
  number(batch, NFTA_PAYLOAD_CSUM_TYPE, NFT_PAYLOAD_CSUM_INET);
  number(batch, NFTA_PAYLOAD_CSUM_OFFSET, 16);
  close_expression(batch, data, element);
}

/* A chain with one rule: the port at `offset` becomes `to` where it is `from` beside our address. */
static void rewrite(
  struct batch *batch, const struct endpoint *endpoint, const char *chain, int32_t priority, bool source, uint16_t from, uint16_t to
) {
  begin_nft(batch, NFT_MSG_NEWCHAIN, NLM_F_ACK | NLM_F_CREATE, endpoint);
  text(batch, NFTA_CHAIN_TABLE, table);
  text(batch, NFTA_CHAIN_NAME, chain);
  uint32_t hook = open_nest(batch, NFTA_CHAIN_HOOK);
  number(batch, NFTA_HOOK_HOOKNUM, NF_INET_LOCAL_OUT);
  number(batch, NFTA_HOOK_PRIORITY, (uint32_t)priority);
  close_nest(batch, hook);
  text(batch, NFTA_CHAIN_TYPE, "filter");
  end(batch);

  uint8_t from_bytes[2] = {(uint8_t)(from >> 8), (uint8_t)from}, to_bytes[2] = {(uint8_t)(to >> 8), (uint8_t)to};
  uint32_t ip_offset = endpoint->family == AF_INET ? (source ? 12 : 16) : (source ? 8 : 24), port_offset = source ? 0 : 2;
  begin_nft(batch, NFT_MSG_NEWRULE, NLM_F_ACK | NLM_F_CREATE | NLM_F_APPEND, endpoint);
  text(batch, NFTA_RULE_TABLE, table);
  text(batch, NFTA_RULE_CHAIN, chain);
  uint32_t expressions = open_nest(batch, NFTA_RULE_EXPRESSIONS);
  compare_payload(batch, NFT_PAYLOAD_NETWORK_HEADER, ip_offset, endpoint->ip, ip_size(endpoint));
  compare_protocol(batch);
  compare_payload(batch, NFT_PAYLOAD_TRANSPORT_HEADER, port_offset, from_bytes, 2);
  set_port(batch, port_offset, to_bytes);
  close_nest(batch, expressions);
  end(batch);
}

long redirect_port(const struct endpoint *endpoint, uint16_t port) {
  static struct batch batch;
  begin_nft(&batch, NFNL_MSG_BATCH_BEGIN, 0, endpoint);
  end(&batch);
  begin_nft(&batch, NFT_MSG_NEWTABLE, NLM_F_ACK | NLM_F_CREATE, endpoint);
  text(&batch, NFTA_TABLE_NAME, table);
  end(&batch);
  /* Connection tracking and NAT of the pod's own (-200 to 100) see the port that clients see. */
  rewrite(&batch, endpoint, "to-relay", 300, false, endpoint->port, port);
  rewrite(&batch, endpoint, "from-relay", -300, true, port, endpoint->port);
  begin_nft(&batch, NFNL_MSG_BATCH_END, 0, endpoint);
  end(&batch);
  return transact(&batch, NETLINK_NETFILTER);
}
