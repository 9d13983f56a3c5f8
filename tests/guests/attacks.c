// A guest that tries to get out of its first directory, by raw WASI calls, and to crash its host
// by bad pointers. Prints one line an attempt: `blocked …`, `OPENED …` or `ok …`.
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <wasi/api.h>

#define ROOT 3
#define READ (__WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_SEEK | __WASI_RIGHTS_FD_FILESTAT_GET)
#define WRITE __WASI_RIGHTS_FD_WRITE
#define LIST (__WASI_RIGHTS_FD_READDIR | __WASI_RIGHTS_FD_FILESTAT_GET)

// Functions with pointers as plain numbers, to pass bad ones.
__attribute__((import_module("wasi_snapshot_preview1"), import_name("fd_write")))
int raw_fd_write(int, unsigned, unsigned, unsigned);
__attribute__((import_module("wasi_snapshot_preview1"), import_name("fd_read")))
int raw_fd_read(int, unsigned, unsigned, unsigned);
__attribute__((import_module("wasi_snapshot_preview1"), import_name("random_get")))
int raw_random_get(unsigned, unsigned);
__attribute__((import_module("wasi_snapshot_preview1"), import_name("args_get")))
int raw_args_get(unsigned, unsigned);
__attribute__((import_module("wasi_snapshot_preview1"), import_name("clock_time_get")))
int raw_clock_time_get(int, long long, unsigned);
__attribute__((import_module("wasi_snapshot_preview1"), import_name("path_open")))
int raw_path_open(int, int, unsigned, unsigned, int, long long, long long, int, unsigned);
__attribute__((import_module("wasi_snapshot_preview1"), import_name("poll_oneoff")))
int raw_poll_oneoff(unsigned, unsigned, unsigned, unsigned);
__attribute__((import_module("wasi_snapshot_preview1"), import_name("fd_readdir")))
int raw_fd_readdir(int, unsigned, unsigned, long long, unsigned);

static int open_at(int dir, const char *path, int follow, int oflags, __wasi_rights_t rights, int *fd) {
  return __wasi_path_open(dir, follow, path, oflags, rights, rights, 0, fd);
}

static void try_open(const char *path) {
  for (int follow = 0; follow < 2; follow++) {
    int fd;
    int error = open_at(ROOT, path, follow, 0, READ, &fd);
    if (error) {
      printf("blocked open %s follow=%d errno=%d\n", path, follow, error);
      continue;
    }
    char bytes[21] = {0};
    __wasi_iovec_t vector = {(uint8_t *)bytes, 20};
    __wasi_size_t count = 0;
    error = __wasi_fd_read(fd, &vector, 1, &count);
    bytes[strcspn(bytes, "\n")] = 0;
    printf("OPENED open %s follow=%d read errno=%d %s\n", path, follow, error, bytes);
    __wasi_fd_close(fd);
  }
}

static void report(const char *what, int error) {
  if (error) printf("blocked %s errno=%d\n", what, error);
  else printf("OPENED %s\n", what);
}

static void paths(void) {
  static const char *const names[] = {
      "../secret.txt", "x/../../secret.txt", "x/../in.txt", "/etc/hostname", "/in.txt", "evil-abs",
      "evil-rel", "evil-rel/", "evil-dir/secret.txt", "chain1", "good", "..", ".", "", "x/..", "in.txt/",
      "in.txt/..", "./in.txt", "//etc/hostname", "x//../../secret.txt", "nope/../../secret.txt",
      "\\..\\secret.txt", "proc-self", "loop", "pipe"};
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) try_open(names[i]);

  int fd, dir;
  report("create ../created.txt", open_at(ROOT, "../created.txt", 0, __WASI_OFLAGS_CREAT, WRITE, &fd));
  report("create through dangling link", open_at(ROOT, "evil-w", 1, __WASI_OFLAGS_CREAT, WRITE, &fd));
  report("create without following", open_at(ROOT, "evil-w", 0, __WASI_OFLAGS_CREAT, WRITE, &fd));
  report("truncate through link", open_at(ROOT, "evil-rel", 1, __WASI_OFLAGS_TRUNC, WRITE, &fd));
  report("create in evil-dir", open_at(ROOT, "evil-dir/new.txt", 1, __WASI_OFLAGS_CREAT, WRITE, &fd));
  if (open_at(ROOT, "x", 1, __WASI_OFLAGS_DIRECTORY, LIST, &dir)) puts("FAIL open x");
  report("x: ../in.txt", open_at(dir, "../in.txt", 1, 0, READ, &fd));
  report("x: ../../secret.txt", open_at(dir, "../../secret.txt", 1, 0, READ, &fd));
  report("open evil-dir", open_at(ROOT, "evil-dir", 1, __WASI_OFLAGS_DIRECTORY, LIST, &fd));
  report("open ..", open_at(ROOT, "..", 1, __WASI_OFLAGS_DIRECTORY, LIST, &fd));

  __wasi_filestat_t stat;
  report("stat ../secret.txt", __wasi_path_filestat_get(ROOT, 1, "../secret.txt", &stat));
  report("stat evil-rel", __wasi_path_filestat_get(ROOT, 1, "evil-rel", &stat));
  report("stat evil-dir/secret.txt", __wasi_path_filestat_get(ROOT, 1, "evil-dir/secret.txt", &stat));
  report("unlink ../victim.txt", __wasi_path_unlink_file(ROOT, "../victim.txt"));
  report("unlink evil-dir/victim.txt", __wasi_path_unlink_file(ROOT, "evil-dir/victim.txt"));
  report("rmdir ../victim-dir", __wasi_path_remove_directory(ROOT, "../victim-dir"));
  report("rmdir ..", __wasi_path_remove_directory(ROOT, ".."));
  report("mkdir ../made", __wasi_path_create_directory(ROOT, "../made"));
  report("mkdir evil-dir/made", __wasi_path_create_directory(ROOT, "evil-dir/made"));
  report("rename in.txt ../moved.txt", __wasi_path_rename(ROOT, "in.txt", ROOT, "../moved.txt"));
  report("rename in.txt evil-dir/moved.txt", __wasi_path_rename(ROOT, "in.txt", ROOT, "evil-dir/moved.txt"));
  report("rename ../secret.txt here", __wasi_path_rename(ROOT, "../secret.txt", ROOT, "here"));
  report("link ../secret.txt here", __wasi_path_link(ROOT, 0, "../secret.txt", ROOT, "here"));
  report("link evil-rel here, following", __wasi_path_link(ROOT, 1, "evil-rel", ROOT, "here"));
  report("symlink /etc/hostname", __wasi_path_symlink("/etc/hostname", ROOT, "abs"));
  report("symlink into evil-dir", __wasi_path_symlink("x", ROOT, "evil-dir/link"));
  report("times of evil-rel", __wasi_path_filestat_set_times(ROOT, 1, "evil-rel", 1, 1, 5));
  uint8_t target[64];
  __wasi_size_t used;
  report("readlink ../link", __wasi_path_readlink(ROOT, "../link", target, sizeof target, &used));
  report("readlink evil-abs", __wasi_path_readlink(ROOT, "evil-abs", target, sizeof target, &used));
  // What one makes oneself is no way out either.
  __wasi_path_symlink("../secret.txt", ROOT, "mine");
  try_open("mine");
  __wasi_path_link(ROOT, 0, "evil-abs", ROOT, "hard");
  try_open("hard");
}

static void descriptors(void) {
  __wasi_fdstat_t stat;
  for (int fd = -1; fd < 100; fd++) {
    if (fd >= 0 && fd <= 4) continue;  // streams, the directory, and x
    int error = __wasi_fd_fdstat_get(fd, &stat);
    if (error != __WASI_ERRNO_BADF) printf("FAIL descriptor %d errno=%d\n", fd, error);
  }
  __wasi_size_t count;
  __wasi_ciovec_t vector = {(const uint8_t *)"X", 1};
  int fd;
  if (open_at(ROOT, "in.txt", 1, 0, READ, &fd)) puts("FAIL open in.txt");
  report("write to a file opened to read", __wasi_fd_write(fd, &vector, 1, &count));
  report("truncate a file opened to read", __wasi_fd_filestat_set_size(fd, 0));
  report("write to a directory", __wasi_fd_write(ROOT, &vector, 1, &count));
  report("accept on a file", __wasi_sock_accept(fd, 0, &fd));
}

static void expect(const char *what, int error, int want) {
  printf("%s %s errno=%d\n", error == want ? "ok" : "FAIL", what, error);
}

static void pointers(void) {
  unsigned end = __builtin_wasm_memory_size(0) * 65536, out = 16;
  unsigned vector[2] = {0xffffff00, 0x1000};
  unsigned at = (unsigned)vector;
  expect("fd_write vector at the end of addresses", raw_fd_write(1, 0xfffffff0, 1, out), 21);
  expect("fd_write vector past the memory", raw_fd_write(1, end - 4, 1, out), 21);
  expect("fd_write buffer out of bounds", raw_fd_write(1, at, 1, out), 21);
  expect("fd_write 4 billion vectors", raw_fd_write(1, at, 0xffffffff, out), 28);
  vector[0] = end - 1, vector[1] = 2;
  expect("fd_read buffer over the end", raw_fd_read(0, at, 1, out), 21);
  vector[0] = at, vector[1] = 0;
  expect("fd_write result past the memory", raw_fd_write(1, at, 1, end), 21);
  expect("random_get 4 GiB", raw_random_get(0, 0xffffffff), 21);
  expect("args_get past the memory", raw_args_get(end, end), 21);
  expect("clock_time_get over the end", raw_clock_time_get(0, 0, end - 4), 21);
  expect("path_open name out of bounds", raw_path_open(3, 0, end - 1, 2, 0, 2, 2, 0, out), 21);
  expect("path_open result out of bounds", raw_path_open(3, 0, (unsigned)"in.txt", 6, 0, 2, 2, 0, end), 21);
  expect("path_open name not UTF-8", raw_path_open(3, 0, (unsigned)"\xff\xfe", 2, 0, 2, 2, 0, out), 25);
  expect("path_open name with NUL", raw_path_open(3, 0, (unsigned)"in.txt\0/../../secret.txt", 24, 0, 2, 2, 0, out), 28);
  expect("path_open name of 4 GiB", raw_path_open(3, 0, 0, 0xffffffff, 0, 2, 2, 0, out), 21);
  expect("poll_oneoff out of bounds", raw_poll_oneoff(end - 8, at, 1, out), 21);
  expect("poll_oneoff of nothing", raw_poll_oneoff(at, at, 0, out), 28);
  expect("fd_readdir out of bounds", raw_fd_readdir(3, end - 8, 64, 0, out), 21);
}

// Reads swap/secret.txt while somebody swaps the directory for a link, until `stop` is there.
static void race(void) {
  puts("racing");
  fflush(stdout);
  long inside = 0, outside = 0, errors = 0;
  __wasi_filestat_t stat;
  do {
    for (int i = 0; i < 50; i++) {
      int fd;
      char byte = 0;
      __wasi_iovec_t vector = {(uint8_t *)&byte, 1};
      __wasi_size_t count;
      if (open_at(ROOT, "swap/secret.txt", 1, 0, READ, &fd)) { errors++; continue; }
      __wasi_fd_read(fd, &vector, 1, &count);
      __wasi_fd_close(fd);
      if (byte == 'I') inside++; else outside++;
    }
  } while (__wasi_path_filestat_get(ROOT, 0, "stop", &stat));
  printf("inside %ld outside %ld errors %ld\n", inside, outside, errors);
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "paths")) paths();
    if (!strcmp(argv[i], "descriptors")) descriptors();
    if (!strcmp(argv[i], "pointers")) pointers();
    if (!strcmp(argv[i], "race")) race();
  }
  puts("done");
}
