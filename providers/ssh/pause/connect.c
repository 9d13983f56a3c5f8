/* A port of the pod on standard input and output. */
#include "pause.h"

/* Copies until `from` ends or `to` takes no more. */
static void copy(int from, int to) {
  static unsigned char bytes[64 * 1024];
  for (;;) {
    long size = read_fd(from, bytes, sizeof bytes);
    if (size == -E_INTR) continue;
    if (size <= 0) return;
    for (long done = 0; done < size;) {
      long written = write_fd(to, bytes + done, (size_t)(size - done));
      if (written == -E_INTR) continue;
      if (written <= 0) return;
      done += written;
    }
  }
}

static long dial(const struct endpoint *endpoint) {
  union socket_address address;
  size_t size = fill_address(endpoint, &address);
  long fd = open_socket(endpoint->family, SOCK_STREAM);
  if (fd < 0) return fd;
  long result = CALL(connect, fd, &address, size, 0, 0, 0);
  if (result == 0) return fd;
  close_fd((int)fd);
  return result;
}

_Noreturn void connect_port(const char *port) {
  struct endpoint v4 = {.family = AF_INET, .ip = {127, 0, 0, 1}, .port = parse_port(port)};
  struct endpoint v6 = {.family = AF_INET6, .ip = {[15] = 1}, .port = v4.port};
  if (v4.port == 0) fail(WRONG_USAGE, "Cannot connect to port \"", port, "\": it is not 1 to 65535");
  long result = dial(&v4);
  if (result < 0) {
    long second = dial(&v6);
    if (second < 0) fail(FAILED, "Cannot connect to port ", port, ": ", reason(result));
    result = second;
  }
  int fd = (int)result;
  set_flag(fd, IPPROTO_TCP, TCP_NODELAY);
  /* One process for each direction: neither can hold up the other. */
  long child = CALL(clone, SIG_CHLD, 0, 0, 0, 0, 0);
  if (child < 0) fail(FAILED, "Cannot connect to port ", port, ": ", reason(child));
  if (child == 0) {
    CALL(prctl, PR_SET_PDEATHSIG, SIG_KILL, 0, 0, 0, 0);
    close_fd(1);
    copy(0, fd);
    CALL(shutdown, fd, SHUT_WR, 0, 0, 0, 0);
    leave(0);
  }
  close_fd(0);
  copy(fd, 1);
  /* The end of this process is how the other side learns that there is no more to come. */
  CALL(kill, child, SIG_KILL, 0, 0, 0, 0);
  leave(0);
}
