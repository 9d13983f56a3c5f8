/* Addresses: parsing them, and listening on one. */
#include "pause.h"

static int digit(char letter) {
  if (letter >= '0' && letter <= '9') return letter - '0';
  if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
  if (letter >= 'A' && letter <= 'F') return letter - 'A' + 10;
  return 99;
}

/* The number at `*at`, at most `limit`, and `*at` behind it; -1 where there is none. */
static long parse_number(const char **at, int base, long limit) {
  long value = 0;
  const char *first = *at;
  for (; digit(**at) < base; (*at)++) {
    value = value * base + digit(**at);
    if (value > limit) return -1;
  }
  return *at == first ? -1 : value;
}

static bool parse_v4(const char **at, uint8_t *ip) {
  for (int part = 0; part < 4; part++) {
    if (part > 0 && *(*at)++ != '.') return false;
    long value = parse_number(at, 10, 255);
    if (value < 0) return false;
    ip[part] = (uint8_t)value;
  }
  return true;
}

static bool parse_v6(const char **at, uint8_t *ip) {
  uint8_t groups[16] = {0};
  int count = 0, gap = -1;
  for (;;) {
    if ((*at)[0] == ':' && (*at)[1] == ':') {
      if (gap >= 0) return false;
      gap = count;
      *at += 2;
      if (digit(**at) >= 16) break;
    } else if (count > 0) {
      if (**at != ':') break;
      (*at)++;
    }
    long value = count < 8 ? parse_number(at, 16, 0xffff) : -1;
    if (value < 0) return false;
    groups[2 * count] = (uint8_t)(value >> 8);
    groups[2 * count + 1] = (uint8_t)value;
    count++;
  }
  if (gap < 0 ? count != 8 : count > 7) return false;
  int tail = gap < 0 ? 0 : 2 * (count - gap);
  for (int byte = 0; byte < 16; byte++) ip[byte] = 0;
  for (int byte = 0; byte < 2 * count - tail; byte++) ip[byte] = groups[byte];
  for (int byte = 0; byte < tail; byte++) ip[16 - tail + byte] = groups[2 * gap + byte];
  return true;
}

uint16_t parse_port(const char *text) {
  long value = parse_number(&text, 10, 65535);
  return value <= 0 || *text != 0 ? 0 : (uint16_t)value;
}

bool parse_endpoint(const char *text, struct endpoint *endpoint) {
  bool bracket = *text == '[';
  if (bracket) text++;
  endpoint->family = bracket ? AF_INET6 : AF_INET;
  if (!(bracket ? parse_v6(&text, endpoint->ip) : parse_v4(&text, endpoint->ip))) return false;
  if (bracket && *text++ != ']') return false;
  if (*text++ != ':') return false;
  endpoint->port = parse_port(text);
  return endpoint->port != 0;
}

bool is_loopback(const struct endpoint *endpoint) {
  if (endpoint->family == AF_INET) return endpoint->ip[0] == 127;
  for (int byte = 0; byte < 15; byte++) if (endpoint->ip[byte] != 0) return false;
  return endpoint->ip[15] == 1;
}

size_t fill_address(const struct endpoint *endpoint, union socket_address *address) {
  *address = (union socket_address){.v6 = {0}};
  address->family = (uint16_t)endpoint->family;
  address->v4.port[0] = (uint8_t)(endpoint->port >> 8);
  address->v4.port[1] = (uint8_t)endpoint->port;
  bool v4 = endpoint->family == AF_INET;
  uint8_t *ip = v4 ? address->v4.ip : address->v6.ip;
  for (int byte = 0; byte < (v4 ? 4 : 16); byte++) ip[byte] = endpoint->ip[byte];
  return v4 ? sizeof address->v4 : sizeof address->v6;
}

static long listen_on(const struct endpoint *endpoint) {
  union socket_address address;
  size_t size = fill_address(endpoint, &address);
  long fd = open_socket(endpoint->family, SOCK_STREAM | SOCK_NONBLOCK);
  if (fd < 0) return fd;
  set_flag((int)fd, SOL_SOCKET, SO_REUSEADDR);
  /* Only for who is in the pod, not for neighbours that route the address to it. */
  if (!is_loopback(endpoint)) set_option((int)fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3);
  long result = CALL(bind, fd, &address, size, 0, 0, 0);
  if (result == 0) result = CALL(listen, fd, 1024, 0, 0, 0, 0);
  if (result == 0) return fd;
  close_fd((int)fd);
  return result;
}

/*
 * A listener on 10.96.0.1:443 would keep everybody else in the pod from listening on port 443 of all
 * addresses. So it takes a port that nobody wants, and the kernel is told to rewrite the ports.
 */
static long listen_aside(const struct endpoint *endpoint) {
  struct endpoint aside = *endpoint;
  for (aside.port = 1; aside.port < 10; aside.port++) {
    long fd = listen_on(&aside);
    if (fd == -E_ADDRINUSE) continue;
    if (fd < 0) return fd;
    long result = redirect_port(endpoint, aside.port);
    if (result == 0) return fd;
    close_fd((int)fd);
    return result;
  }
  return -E_ADDRINUSE;
}

/* Gives up every capability but CAP_DAC_OVERRIDE, which opens the socket of another user. */
static void drop_capabilities(void) {
  uint32_t header[2] = {0x20080522, 0};
  uint32_t sets[6] = {1 << 1, 1 << 1, 0};
  if (CALL(capset, header, sets, 0, 0, 0, 0) == 0) return;
  sets[0] = sets[1] = 0;
  CALL(capset, header, sets, 0, 0, 0, 0);
}

int open_endpoint(const struct endpoint *endpoint, const char *name) {
  long fd = -1;
  if (!is_loopback(endpoint)) {
    long result = add_to_loopback(endpoint);
    bool denied = result == -E_PERM || result == -E_ACCES;
    if (result < 0) fail(denied ? NOT_PERMITTED : FAILED, "Cannot add the address of ", name, " to lo: ", reason(result), denied ? " (CAP_NET_ADMIN)" : "");
    fd = listen_aside(endpoint);
    if (fd < 0) say("Cannot redirect ", name, ": ", reason(fd), "; nothing else in the pod can listen on that port");
  }
  if (fd < 0) fd = listen_on(endpoint);
  bool denied = fd == -E_PERM || fd == -E_ACCES;
  if (fd < 0) fail(denied ? NOT_PERMITTED : FAILED, "Cannot listen on ", name, ": ", reason(fd), denied ? " (CAP_NET_BIND_SERVICE)" : "");
  drop_capabilities();
  return (int)fd;
}
