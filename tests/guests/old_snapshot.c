// A guest of the snapshot before preview 1, whose fd_seek, filestat and poll_oneoff differ.
#include <stdio.h>
#include <string.h>

#define OLD(name) __attribute__((import_module("wasi_unstable"), import_name(name)))

OLD("fd_write") int old_fd_write(int fd, void *vector, int count, unsigned *out);
OLD("fd_read") int old_fd_read(int fd, void *vector, int count, unsigned *out);
OLD("fd_seek") int old_fd_seek(int fd, long long offset, int whence, unsigned long long *out);
OLD("fd_close") int old_fd_close(int fd);
OLD("path_open") int old_path_open(int fd, int follow, const char *path, int length, int flags, long long rights, long long inheriting, int fd_flags, int *out);
OLD("fd_filestat_get") int old_fd_filestat_get(int fd, void *out);
OLD("path_filestat_get") int old_path_filestat_get(int fd, int follow, const char *path, int length, void *out);
OLD("poll_oneoff") int old_poll_oneoff(void *in, void *out, int count, unsigned *events);

typedef struct { const void *bytes; unsigned length; } vector_t;
typedef struct { unsigned long long device, inode; unsigned char type; unsigned links; unsigned long long size, times[3]; } stat_t;
typedef struct {
  unsigned long long user_data;
  unsigned char type;
  union {
    struct { unsigned long long id; unsigned clock; unsigned long long timeout, precision; unsigned short flags; } clock;
    unsigned fd;
  };
} subscription_t;
typedef struct { unsigned long long user_data; unsigned short error; unsigned char type; unsigned long long bytes; unsigned short flags; } event_t;

static void print(const char *text) {
  vector_t vector = {text, strlen(text)};
  unsigned count;
  old_fd_write(1, &vector, 1, &count);
}

static void say(const char *what, long long number) {
  char line[100];
  snprintf(line, sizeof line, "%s %lld\n", what, number);
  print(line);
}

// Where wasmtime takes a subscription for one of preview 1.
static void poll(void) {
  unsigned count;
  subscription_t wanted[2] = {{.user_data = 1, .type = 0, .clock = {5, 1, 1000000, 0, 0}},
      {.user_data = 2, .type = 0, .clock = {6, 1, 1000000000000, 0, 0}}};
  event_t events[2];
  say("poll", old_poll_oneoff(wanted, events, 2, &count));
  say("events", count), say("event", events[0].user_data);
  wanted[0].type = 2, wanted[0].fd = 1;
  say("poll", old_poll_oneoff(wanted, events, 1, &count));
  say("event type", events[0].type);
}

int main(int argc, char **argv) {
  int fd;
  unsigned count;
  unsigned long long at;
  char bytes[4];
  struct { stat_t stat; unsigned long long after; } space = {.after = 7};
  stat_t *stat = &space.stat;
  say("open", old_path_open(3, 1, "in.txt", 6, 0, 6, 0, 0, &fd));
  vector_t vector = {bytes, 4};
  say("read", old_fd_read(fd, &vector, 1, &count));
  old_fd_seek(fd, 0, 0, &at), say("current", at);
  old_fd_seek(fd, -2, 1, &at), say("two before the end", at);
  old_fd_seek(fd, 1, 2, &at), say("one after the start", at);
  say("stat", old_fd_filestat_get(fd, stat));
  say("type", stat->type), say("links", stat->links), say("size", stat->size), say("after it", space.after);
  say("stat by path", old_path_filestat_get(3, 1, "in.txt", 6, stat));
  say("links", stat->links), say("size", stat->size), say("modified", stat->times[1] > 0);
  if (argc > 1) poll();
  print("done\n");
}
