/* Waits as the first process of a pod does, and relays connections meanwhile. */
#include "pause.h"

enum { CONNECTIONS = 500, BUFFER = 16 * 1024, TURN = 16, EVENTS = 64 };
enum { RETRY_MS = 20 };

/* One direction of a connection. */
struct flow {
  /* What is still to be written of the buffer. */
  uint32_t start, end;
  /* Whether no more comes, and whether the receiver was told or is gone. */
  bool ended, done;
};

/* Two sockets that are one connection; free where `client` is -1. */
struct connection {
  int client, local;
  /* Tells the events of this connection from those of the one before it. */
  uint32_t generation;
  /* Whether there is more to move though no event will say so. */
  bool busy;
  struct flow up, down;
};

static struct connection connections[CONNECTIONS];
/* Touched only as far as it is used: an idle relay needs a few pages. */
static unsigned char buffers[CONNECTIONS][2][BUFFER] __attribute__((aligned(4096)));
static int open_count;
/* Whether some are busy, or have no other side yet. */
static bool unsettled;
static int epoll;

/* Marks of epoll for what is no connection. */
#define SIGNALS (~0ull)
#define LISTENER (~1ull)

static long watch(int fd, uint32_t events, uint64_t mark) {
  struct epoll_event event = {events, mark};
  return CALL(epoll_ctl, epoll, EPOLL_CTL_ADD, fd, &event, 0, 0);
}

static uint64_t mark_of(const struct connection *connection) {
  return (uint64_t)connection->generation << 32 | (uint64_t)(connection - connections) << 1;
}

static void drop(struct connection *connection) {
  close_fd(connection->client);
  if (connection->local >= 0) close_fd(connection->local);
  CALL(madvise, buffers[connection - connections], sizeof buffers[0], MADV_DONTNEED, 0, 0, 0);
  connection->client = -1;
  connection->busy = false;
  open_count--;
}

/* Moves what can be moved now, up to a turn; 0, or the error of the socket `*broken`. */
static long move(struct connection *connection, struct flow *flow, int from, int to, int *broken) {
  unsigned char *buffer = buffers[connection - connections][flow == &connection->down];
  for (int turn = 0; !flow->done;) {
    while (flow->start < flow->end) {
      long size = write_fd(to, buffer + flow->start, flow->end - flow->start);
      if (size == -E_INTR) continue;
      if (size == -E_AGAIN) return 0;
      if (size < 0) return *broken = to, size;
      flow->start += (uint32_t)size;
    }
    if (flow->ended) {
      CALL(shutdown, to, SHUT_WR, 0, 0, 0, 0);
      flow->done = true;
      return 0;
    }
    if (turn++ == TURN) {
      connection->busy = unsettled = true;
      return 0;
    }
    long size = read_fd(from, buffer, BUFFER);
    if (size == -E_INTR) continue;
    if (size == -E_AGAIN) return 0;
    if (size < 0) return *broken = from, size;
    flow->start = 0;
    flow->end = (uint32_t)size;
    flow->ended = size == 0;
  }
  return 0;
}

static void stop_up(struct connection *connection) {
  connection->up = (struct flow){.ended = true, .done = true};
}

/* Moves both ways, and drops the connection once it is over. */
static void advance(struct connection *connection) {
  int broken = -1;
  connection->busy = false;
  if (connection->local < 0) return;
  long result = move(connection, &connection->up, connection->client, connection->local, &broken);
  /* Who no longer reads may still have something to say. */
  if (result < 0 && broken == connection->local) stop_up(connection), result = 0;
  if (result == 0) result = move(connection, &connection->down, connection->local, connection->client, &broken);
  if (result < 0 || (connection->up.done && connection->down.done)) drop(connection);
}

/* Whether there was too little of something, which may be different soon. */
static bool passes(long error) {
  return error == -E_AGAIN || error == -E_MFILE || error == -E_NFILE || error == -E_NOMEM || error == -E_NOBUFS;
}

/* Says why the socket cannot be used, unless it is only that nobody listens now, or was said before. */
static void complain(const char *path, long error) {
  static long said;
  if (error == -E_NOENT || error == -E_CONNREFUSED || error == said) return;
  said = error;
  say("Cannot connect to ", path, ": ", reason(error));
}

/* Connects to the socket that has the path now; a client that cannot be served is dropped at once. */
static void connect_local(struct connection *connection, const union socket_address *socket) {
  long fd = open_socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK);
  long result = fd < 0 ? fd : CALL(connect, fd, socket, sizeof socket->local, 0, 0, 0);
  if (result == 0) result = watch((int)fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, mark_of(connection) | 1);
  if (result == 0) {
    connection->local = (int)fd;
    advance(connection);
    return;
  }
  if (fd >= 0) close_fd((int)fd);
  if (passes(result)) {
    unsettled = true;
    return;
  }
  complain(socket->local.path, result);
  drop(connection);
}

/* Takes the clients that wait, as far as there is room: true once there are no more. */
static bool accept_all(int listener, const union socket_address *socket) {
  for (int at = 0; at < CONNECTIONS; at++) {
    struct connection *connection = &connections[at];
    if (connection->client >= 0) continue;
    long fd = CALL(accept4, listener, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC, 0, 0);
    if (fd == -E_AGAIN) return true;
    if (fd < 0) return false;
    set_flag((int)fd, IPPROTO_TCP, TCP_NODELAY);
    *connection = (struct connection){.client = (int)fd, .local = -1, .generation = connection->generation + 1};
    open_count++;
    if (watch((int)fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, mark_of(connection)) < 0) drop(connection);
    else connect_local(connection, socket);
  }
  return false;
}

static void handle(const struct epoll_event *event) {
  struct connection *connection = &connections[(uint32_t)event->data >> 1];
  bool of_local = event->data & 1;
  if (connection->client < 0 || connection->generation != event->data >> 32) return;
  if (!of_local && event->events & EPOLLERR) return drop(connection);
  /* A unix socket hangs up when its peer is closed: what it sent can still be read. */
  if (of_local && event->events & EPOLLHUP) stop_up(connection);
  advance(connection);
}

/* Looks after what no event tells of: how long to wait for the next one. */
static int look_after(const union socket_address *socket) {
  int timeout = -1;
  if (!unsettled) return timeout;
  unsettled = false;
  for (int at = 0; at < CONNECTIONS; at++) {
    struct connection *connection = &connections[at];
    if (connection->client < 0) continue;
    if (connection->local < 0) connect_local(connection, socket);
    else if (connection->busy) advance(connection);
    if (connection->client < 0) continue;
    if (connection->busy) timeout = 0;
    else if (connection->local < 0 && timeout < 0) timeout = RETRY_MS;
  }
  return timeout;
}

static const uint32_t ends[2] = {1u << (SIG_INT - 1) | 1u << (SIG_TERM - 1), 0};

void hold_signals(void) { CALL(rt_sigprocmask, 0, ends, 0, 8, 0, 0); }

_Noreturn void serve(int listener, const union socket_address *socket) {
  /* The kernel then reaps every child, those that were left by others among them. */
  ignore_signal(SIG_CHLD);
  for (int at = 0; at < CONNECTIONS; at++) connections[at].client = -1;
  long signals = CALL(signalfd4, -1, ends, 8, SOCK_CLOEXEC | SOCK_NONBLOCK, 0, 0);
  long created = CALL(epoll_create1, SOCK_CLOEXEC, 0, 0, 0, 0, 0);
  if (signals < 0 || created < 0) fail(FAILED, "Cannot wait for signals: ", reason(signals < 0 ? signals : created));
  epoll = (int)created;
  long result = watch((int)signals, EPOLLIN, SIGNALS);
  if (result == 0 && listener >= 0) result = watch(listener, EPOLLIN | EPOLLET, LISTENER);
  if (result < 0) fail(FAILED, "Cannot wait for connections: ", reason(result));
  bool all_accepted = true;
  for (;;) {
    struct epoll_event events[EVENTS];
    int timeout = look_after(socket);
    if (!all_accepted && open_count < CONNECTIONS && timeout < 0) timeout = RETRY_MS;
    long count = CALL(epoll_pwait, epoll, events, EVENTS, timeout, 0, 8);
    for (long at = 0; at < count; at++) {
      if (events[at].data == SIGNALS) leave(0);
      if (events[at].data == LISTENER) all_accepted = false;
      else handle(&events[at]);
    }
    if (!all_accepted) all_accepted = accept_all(listener, socket);
  }
}
