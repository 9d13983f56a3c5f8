// A guest with sockets: does what its first argument says, by raw WASI calls, and prints what they
// answered. The first listener is descriptor 3.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wasi/api.h>

#define LISTENER 3
#define WASI(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(name)))

// WasmEdge's functions; those that end in 1 have the parameters of its first version.
typedef struct { void *bytes; unsigned length; } address_t;
WASI("sock_open") int sock_open(int family, int type, int *fd);
WASI("sock_bind") int sock_bind(int fd, address_t *address, int port);
WASI("sock_listen") int sock_listen(int fd, int backlog);
WASI("sock_accept") int sock_accept1(int fd, int *out);
WASI("sock_accept_v2") int sock_accept2(int fd, int flags, int *out);
WASI("sock_connect") int sock_connect(int fd, address_t *address, int port);
WASI("sock_getlocaladdr") int sock_getlocaladdr1(int fd, address_t *address, unsigned *type, unsigned *port);
WASI("sock_getlocaladdr") int sock_getlocaladdr2(int fd, address_t *address, unsigned *port);
WASI("sock_getpeeraddr") int sock_getpeeraddr1(int fd, address_t *address, unsigned *type, unsigned *port);
WASI("sock_getpeeraddr_v2") int sock_getpeeraddr2(int fd, address_t *address, unsigned *port);
WASI("sock_getsockopt") int sock_getsockopt(int fd, int level, int name, void *value, void *length);
WASI("sock_setsockopt") int sock_setsockopt(int fd, int level, int name, void *value, int length);
WASI("sock_recv_from") int sock_recv_from1(int fd, __wasi_iovec_t *vector, int count, address_t *address, int flags, unsigned *length, unsigned *out);
WASI("sock_recv_from") int sock_recv_from2(int fd, __wasi_iovec_t *vector, int count, address_t *address, int flags, unsigned *port, unsigned *length, unsigned *out);
WASI("sock_send_to") int sock_send_to(int fd, __wasi_ciovec_t *vector, int count, address_t *address, int port, int flags, unsigned *length);
typedef struct { unsigned char family, pad[3]; unsigned length; unsigned char *data; } info_address_t;
typedef struct info {
  unsigned short flags;
  unsigned char family, type;
  unsigned protocol, address_length;
  info_address_t *address;
  char *name;
  unsigned name_length;
  struct info *next;
} info_t;
WASI("sock_getaddrinfo") int sock_getaddrinfo(const char *node, int node_length, const char *service, int service_length, info_t *hints, info_t **result, int most, unsigned *count);

static char buffer[65536];

static int say(const char *what, int error) {
  printf("%s errno=%d\n", what, error);
  fflush(stdout);
  return error;
}

static int receive(int fd, int length, int flags) {
  __wasi_iovec_t vector = {(uint8_t *)buffer, length};
  __wasi_size_t count = 0;
  __wasi_roflags_t out;
  int error = __wasi_sock_recv(fd, &vector, 1, flags, &count, &out);
  if (error) printf("recv errno=%d\n", error);
  else printf("recv %.*s\n", (int)count, buffer);
  fflush(stdout);
  return error ? -1 : (int)count;
}

static int send_text(int fd, const char *text) {
  __wasi_ciovec_t vectors[2] = {{(const uint8_t *)text, 1}, {(const uint8_t *)text + 1, strlen(text) - 1}};
  __wasi_size_t count;
  return __wasi_sock_send(fd, vectors, 2, 0, &count);
}

static void wait_for(int fd, int type) {
  __wasi_subscription_t wanted[2] = {{.userdata = 1, .u.tag = type, .u.u.fd_read.file_descriptor = fd},
      {.userdata = 2, .u.tag = __WASI_EVENTTYPE_CLOCK, .u.u.clock = {1, 10000000000ull, 0, 0}}};
  __wasi_event_t events[2];
  __wasi_size_t count;
  int error = __wasi_poll_oneoff(wanted, events, 2, &count);
  if (error) say("poll", error);
  for (unsigned i = 0; i < count; i++) {
    printf("event %d errno=%d hangup=%d bytes=%d\n", (int)events[i].userdata, events[i].error,
        events[i].fd_readwrite.flags, events[i].fd_readwrite.nbytes > 0);
  }
  fflush(stdout);
}

static int accept_waiting(void) {
  int fd = -1;
  // As a blocking program does.
  say("set flags", __wasi_fd_fdstat_set_flags(LISTENER, 0));
  say("accept", __wasi_sock_accept(LISTENER, 0, &fd));
  return fd;
}

static void show(void) {
  for (int fd = LISTENER; fd < 8; fd++) {
    __wasi_fdstat_t stat;
    if (__wasi_fd_fdstat_get(fd, &stat)) break;
    __wasi_prestat_t pre = {.tag = 99};
    int error = __wasi_fd_prestat_get(fd, &pre);
    printf("%d type=%d flags=%d prestat errno=%d tag=%d\n", fd, stat.fs_filetype, stat.fs_flags, error, pre.tag);
  }
  printf("LISTEN_FDS=%s LISTEN_FDNAMES=%s\n", getenv("LISTEN_FDS"), getenv("LISTEN_FDNAMES"));
  DIR *dir = opendir("/data");
  puts(dir ? "found /data" : "no /data");
  int fd;
  say("accept of none", __wasi_sock_accept(LISTENER, 0, &fd));
}

static void echo(int connections) {
  for (; connections > 0; connections--) {
    int fd = accept_waiting();
    for (;;) {
      __wasi_iovec_t vector = {(uint8_t *)buffer, sizeof buffer};
      __wasi_size_t count = 0, sent = 0;
      if (__wasi_fd_read(fd, &vector, 1, &count) || count == 0) break;
      __wasi_ciovec_t back = {(const uint8_t *)buffer, count};
      if (__wasi_fd_write(fd, &back, 1, &sent) || sent != count) puts("FAIL write");
    }
    say("shutdown", __wasi_sock_shutdown(fd, __WASI_SDFLAGS_WR));
    say("close", __wasi_fd_close(fd));
  }
}

static void flags(void) {
  say("begin", 0);
  wait_for(LISTENER, __WASI_EVENTTYPE_FD_READ);
  int fd = accept_waiting();
  receive(fd, 4, __WASI_RIFLAGS_RECV_PEEK);
  receive(fd, 10, __WASI_RIFLAGS_RECV_WAITALL);
  say("nonblock", __wasi_fd_fdstat_set_flags(fd, __WASI_FDFLAGS_NONBLOCK));
  receive(fd, 10, 0);
  wait_for(fd, __WASI_EVENTTYPE_FD_WRITE);
  say("send", send_text(fd, "go on\n"));
  wait_for(fd, __WASI_EVENTTYPE_FD_READ);
  receive(fd, 10, 0);
  wait_for(fd, __WASI_EVENTTYPE_FD_READ);
  receive(fd, 10, 0);
  say("shutdown of nothing", __wasi_sock_shutdown(fd, 0));
  say("recv with unknown flags", receive(fd, 1, 8) < 0 ? 0 : 1);
  say("shutdown", __wasi_sock_shutdown(fd, 3));
  say("send after shutdown", send_text(fd, "no"));
  __wasi_filestat_t stat;
  say("stat", __wasi_fd_filestat_get(fd, &stat));
  __wasi_filesize_t at;
  say("seek", __wasi_fd_seek(fd, 0, 0, &at));
  say("renumber", __wasi_fd_renumber(fd, LISTENER));
  say("close", __wasi_fd_close(LISTENER));
}

static void fill(void) {
  int fd = accept_waiting();
  __wasi_fd_fdstat_set_flags(fd, __WASI_FDFLAGS_NONBLOCK);
  __wasi_ciovec_t vector = {(const uint8_t *)buffer, sizeof buffer};
  __wasi_size_t count;
  long long total = 0;
  int error;
  while (!(error = __wasi_fd_write(fd, &vector, 1, &count))) total += count;
  printf("full errno=%d %d\n", error, total > 0);
  fflush(stdout);
  wait_for(fd, __WASI_EVENTTYPE_FD_WRITE);
  // The other side has closed without reading: what follows is a reset, then a broken pipe.
  receive(fd, 1, 0);
  say("send", send_text(fd, "no"));
}

static address_t ip(const char *text, unsigned char *bytes) {
  address_t result = {bytes, 4};
  memset(bytes, 0, 16);
  if (!strcmp(text, "::1")) result.length = 16, bytes[15] = 1;
  else if (!strcmp(text, "::")) result.length = 16;
  else sscanf(text, "%hhu.%hhu.%hhu.%hhu", bytes, bytes + 1, bytes + 2, bytes + 3);
  return result;
}

static void addresses(int fd) {
  unsigned char bytes[128];
  unsigned type = 0, port = 0;
  address_t first = {bytes, 16}, second = {bytes, 128};
  int error = sock_getpeeraddr1(fd, &first, &type, &port);
  printf("peer1 errno=%d type=%d %d.%d.%d.%d:%d\n", error, type, bytes[0], bytes[1], bytes[2], bytes[3], port);
  error = sock_getpeeraddr2(fd, &second, &port);
  printf("peer2 errno=%d type=%d %d.%d.%d.%d:%d\n", error, bytes[0], bytes[2], bytes[3], bytes[4], bytes[5], port);
  error = sock_getlocaladdr1(fd, &first, &type, &port);
  printf("local1 errno=%d type=%d %d.%d.%d.%d %d\n", error, type, bytes[0], bytes[1], bytes[2], bytes[3], port > 0);
  error = sock_getlocaladdr2(fd, &second, &port);
  printf("local2 errno=%d type=%d %d.%d.%d.%d %d\n", error, bytes[0], bytes[2], bytes[3], bytes[4], bytes[5], port > 0);
}

static void options(int fd) {
  int value = 0;
  unsigned length = 4;
  printf("type errno=%d", sock_getsockopt(fd, 0, 1, &value, &length));
  printf(" %d\n", value);
  printf("error errno=%d", sock_getsockopt(fd, 0, 2, &value, (void *)4));
  printf(" %d\n", value);
  value = 1;
  say("keepalive", sock_setsockopt(fd, 0, 7, &value, 4));
  long long time[2] = {0, 20000};
  say("timeout", sock_setsockopt(fd, 0, 11, time, 16));
  say("bind to device", sock_setsockopt(fd, 0, 14, "lo", 2));
  say("set type", sock_setsockopt(fd, 0, 1, &value, 4));
  receive(fd, 1, 0);
  time[1] = 0;
  say("no timeout", sock_setsockopt(fd, 0, 11, time, 16));
}

static void dial(const char *host, int port, int blocking) {
  unsigned char bytes[16];
  address_t to = ip(host, bytes);
  int fd, error;
  if (say("open", sock_open(to.length == 4 ? 1 : 2, 2, &fd))) return;
  if (!blocking) __wasi_fd_fdstat_set_flags(fd, __WASI_FDFLAGS_NONBLOCK);
  error = sock_connect(fd, &to, port);
  if (!blocking && error == __WASI_ERRNO_INPROGRESS) {
    wait_for(fd, __WASI_EVENTTYPE_FD_WRITE);
    unsigned length = 4;
    sock_getsockopt(fd, 0, 2, &error, &length);
    __wasi_fd_fdstat_set_flags(fd, 0);
  }
  if (say("connect", error)) return;
  if (to.length == 4) addresses(fd);
  options(fd);
  say("send", send_text(fd, "hello"));
  receive(fd, 100, 0);
  say("close", __wasi_fd_close(fd));
}

static void serve(const char *host, int port) {
  unsigned char bytes[16];
  address_t at = ip(host, bytes);
  int fd, connection;
  if (say("open", sock_open(at.length == 4 ? 1 : 2, 2, &fd))) return;
  int reuse = 1;
  say("reuse", sock_setsockopt(fd, 0, 0, &reuse, 4));
  if (say("bind", sock_bind(fd, &at, port))) return;
  if (say("listen", sock_listen(fd, 16))) return;
  unsigned char local[128];
  address_t space = {local, 128};
  unsigned bound;
  sock_getlocaladdr2(fd, &space, &bound);
  printf("listening %d.%d.%d.%d:%d\n", local[2], local[3], local[4], local[5], bound);
  fflush(stdout);
  for (int version = 1; version <= 2; version++) {
    say("accept", version == 1 ? sock_accept1(fd, &connection) : sock_accept2(fd, 0, &connection));
    receive(connection, 100, 0);
    say("send", send_text(connection, "welcome"));
    say("close", __wasi_fd_close(connection));
  }
}

static void udp(const char *host, int port) {
  unsigned char bytes[16], from[128];
  address_t to = ip(host, bytes), sender = {from, 128};
  int fd;
  if (say("open", sock_open(to.length == 4 ? 1 : 2, 1, &fd))) return;
  unsigned char any[16] = {0};
  address_t anywhere = {any, to.length};
  say("bind", sock_bind(fd, &anywhere, 0));
  __wasi_ciovec_t vector = {(const uint8_t *)"question", 8};
  unsigned count = 0, out = 0, sender_port = 0;
  if (say("send", sock_send_to(fd, &vector, 1, &to, port, 0, &count))) return;
  __wasi_iovec_t into = {(uint8_t *)buffer, 3};
  say("receive", sock_recv_from2(fd, &into, 1, &sender, 0, &sender_port, &count, &out));
  printf("got %.*s cut=%d from port %d\n", count, buffer, out & 1, sender_port == port);
  into.buf_len = 100;
  say("send", sock_send_to(fd, &vector, 1, &to, port, 0, &count));
  sender.length = to.length;
  say("receive", sock_recv_from1(fd, &into, 1, &sender, 0, &count, &out));
  printf("got %.*s from the same %d\n", count, buffer, !memcmp(from, bytes, to.length));
  say("send elsewhere", sock_send_to(fd, &vector, 1, &to, port + 1, 0, &count));
  say("connect", sock_connect(fd, &to, port));
  say("send", send_text(fd, "last"));
}

static void lookup(const char *name, const char *service) {
  info_t infos[8] = {0}, hints = {.type = 2}, *first = infos;
  info_address_t addresses[8] = {0};
  unsigned char data[8][26];
  for (int i = 0; i < 8; i++) {
    addresses[i].length = 26, addresses[i].data = data[i];
    infos[i].address = &addresses[i], infos[i].next = i < 7 ? &infos[i + 1] : 0;
  }
  unsigned count = 0;
  if (say("lookup", sock_getaddrinfo(name, strlen(name) + 1, service, strlen(service) + 1, &hints, &first, 8, &count))) return;
  for (unsigned i = 0; i < count; i++) {
    unsigned char *at = data[i];
    printf("family %d type %d port %d ", addresses[i].family, infos[i].type, at[0] * 256 + at[1]);
    if (addresses[i].family == 1) printf("%d.%d.%d.%d\n", at[2], at[3], at[4], at[5]);
    else printf("last byte %d\n", at[21]);
  }
}

int main(int argc, char **argv) {
  const char *verb = argc > 1 ? argv[1] : "", *host = argc > 2 ? argv[2] : "";
  int port = argc > 3 ? atoi(argv[3]) : 0;
  if (!strcmp(verb, "show")) show();
  if (!strcmp(verb, "echo")) echo(atoi(host));
  if (!strcmp(verb, "flags")) flags();
  if (!strcmp(verb, "fill")) fill();
  if (!strcmp(verb, "dial")) dial(host, port, 1);
  if (!strcmp(verb, "dial-later")) dial(host, port, 0);
  if (!strcmp(verb, "serve")) serve(host, port);
  if (!strcmp(verb, "udp")) udp(host, port);
  if (!strcmp(verb, "lookup")) lookup(host, argv[3]);
  puts("done");
}
