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
      "\\..\\secret.txt", "proc-self", "loop"};
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

// What other hosts block on: they open it and wait for somebody to write.
static void special(void) {
  try_open("pipe");
  try_open("pipe/");
}

static void made(void) {
  // Links of the guest's own, to where it must not get.
  static const char *const links[][2] = {
      {"..", "up"}, {"../", "up-slash"}, {"x/../..", "up-through"}, {"x/../../secret.txt", "up-file"},
      {"./../secret.txt", "dot-up"}, {"../root/in.txt", "out-and-in"}, {"up/secret.txt", "by-link"},
      {"up/up/etc/hostname", "far"}, {"../../../../../../../../proc/self/fd/3", "proc"}, {"../../in.txt", "x/too-high"},
      {"../in.txt", "x/in-root"}, {".", "here"}, {"here/here/here/in.txt", "round"}, {"mutual-b", "mutual-a"},
      {"mutual-a", "mutual-b"}, {"in.txt/", "file-slash"}, {"x/", "x-slash"}, {"..\\secret.txt", "backslash"}};
  for (unsigned i = 0; i < sizeof links / sizeof *links; i++) {
    printf("made %s errno=%d\n", links[i][1], __wasi_path_symlink(links[i][0], ROOT, links[i][1]));
    try_open(links[i][1]);
  }
  try_open("up/secret.txt");
  try_open("up-slash/secret.txt");
  try_open("up/root/in.txt");
  try_open("here/../secret.txt");
  try_open("x-slash/../../secret.txt");
  try_open("x-slash/in-root");
  try_open("out-and-in/");
  __wasi_path_symlink("/proc/self/fd/3", ROOT, "proc-fd");
  try_open("proc-fd");
  try_open("/proc/self/fd/3/in.txt");
  try_open("proc/self/fd/3/in.txt");
  try_open("/dev/fd/3/in.txt");
  try_open("/proc/self/cwd/deno.json");
  // A chain that is longer than any system follows.
  char from[16], to[16];
  __wasi_path_symlink("in.txt", ROOT, "chain-0");
  for (int i = 1; i <= 50; i++) {
    snprintf(to, sizeof to, "chain-%d", i - 1);
    snprintf(from, sizeof from, "chain-%d", i);
    __wasi_path_symlink(to, ROOT, from);
  }
  try_open("chain-5");
  try_open("chain-50");
  // A link that is moved, or has a second name, leads elsewhere than before.
  __wasi_path_create_directory(ROOT, "x/y");
  __wasi_path_symlink("../../in.txt", ROOT, "x/y/link");
  try_open("x/y/link");
  report("move a link up", __wasi_path_rename(ROOT, "x/y/link", ROOT, "moved-link"));
  try_open("moved-link");
  report("hard link to a link", __wasi_path_link(ROOT, 0, "evil-dir", ROOT, "hard-dir"));
  try_open("hard-dir/secret.txt");
  report("hard link to a hard link", __wasi_path_link(ROOT, 0, "hard-dir", ROOT, "x/hard-dir"));
  try_open("x/hard-dir/in.txt");
  try_open("x/hard-dir/../secret.txt");
  report("hard link through a link", __wasi_path_link(ROOT, 0, "up/secret.txt", ROOT, "stolen"));
  report("hard link to outside", __wasi_path_link(ROOT, 0, "in.txt", ROOT, "up/planted"));
}

static void slashes(void) {
  static const char *const names[] = {
      "evil-abs/", "evil-rel/", "evil-rel//", "evil-rel/.", "evil-rel/..", "evil-dir/", "evil-dir/.", "evil-dir/./",
      "evil-dir/..", "evil-dir/root/in.txt", "evil-w/", "chain1/", "good/", "good/.", "good/..", "loop/", "x/", "x//",
      "x/.", "x/./", "x/..//", "//", "/", "/.", "./", "././", "./..", "../", "..//root", "proc-self/"};
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) try_open(names[i]);
  int fd;
  report("create in.txt/", open_at(ROOT, "none/", 1, __WASI_OFLAGS_CREAT, WRITE, &fd));
  report("create evil-w/", open_at(ROOT, "evil-w/", 1, __WASI_OFLAGS_CREAT, WRITE, &fd));
  report("create evil-w exclusively", open_at(ROOT, "evil-w", 1, __WASI_OFLAGS_CREAT | __WASI_OFLAGS_EXCL, WRITE, &fd));
  report("open evil-w as a directory", open_at(ROOT, "evil-w", 1, __WASI_OFLAGS_DIRECTORY, LIST, &fd));
  report("mkdir evil-w", __wasi_path_create_directory(ROOT, "evil-w"));
  report("mkdir evil-w/", __wasi_path_create_directory(ROOT, "evil-w/"));
  report("mkdir evil-dir/made/", __wasi_path_create_directory(ROOT, "evil-dir/made/"));
  report("rmdir evil-dir", __wasi_path_remove_directory(ROOT, "evil-dir"));
  report("rmdir evil-dir/", __wasi_path_remove_directory(ROOT, "evil-dir/"));
  report("rmdir evil-dir/victim-dir/", __wasi_path_remove_directory(ROOT, "evil-dir/victim-dir/"));
  report("rmdir ../victim-dir/", __wasi_path_remove_directory(ROOT, "../victim-dir/"));
  report("unlink evil-rel/", __wasi_path_unlink_file(ROOT, "evil-rel/"));
  report("unlink ../victim.txt/", __wasi_path_unlink_file(ROOT, "../victim.txt/"));
  report("rename x evil-dir/", __wasi_path_rename(ROOT, "x", ROOT, "evil-dir/x/"));
  report("rename x ../x/", __wasi_path_rename(ROOT, "x", ROOT, "../x/"));
  report("rename ../victim-dir/ v", __wasi_path_rename(ROOT, "../victim-dir/", ROOT, "v"));
  report("symlink at evil-dir/l/", __wasi_path_symlink("x", ROOT, "evil-dir/l/"));
  report("symlink at ../l", __wasi_path_symlink("x", ROOT, "../l"));
  report("link to ../l", __wasi_path_link(ROOT, 0, "in.txt", ROOT, "../l"));
  report("times of ../secret.txt", __wasi_path_filestat_set_times(ROOT, 0, "../secret.txt", 1, 1, 5));
  report("times of evil-dir/secret.txt", __wasi_path_filestat_set_times(ROOT, 1, "evil-dir/secret.txt", 1, 1, 5));
}

static void try_raw(const char *what, const char *path, unsigned length) {
  int fd = -1;
  int error = raw_path_open(ROOT, 1, (unsigned)path, length, 0, READ, READ, 0, (unsigned)&fd);
  printf("%s %s errno=%d\n", error ? "blocked" : "OPENED", what, error);
  if (!error) __wasi_fd_close(fd);
}

static char path_space[20000];

static const char *repeat(const char *part, int times, const char *end) {
  path_space[0] = 0;
  char *at = path_space;
  for (int i = 0; i < times; i++) at = stpcpy(at, part);
  strcpy(at, end);
  return path_space;
}

static void names(void) {
  __wasi_filestat_t stat;
  try_raw("a NUL in the middle", "in.txt\0/../../secret.txt", 24);
  try_raw("a NUL at the end", "in.txt\0", 7);
  try_raw("a NUL alone", "\0", 1);
  try_raw("a NUL after ..", "..\0/in.txt", 10);
  try_open(repeat("a", 256, ""));
  try_open(repeat("a", 255, ""));
  try_raw("5000 characters", repeat("a", 5000, ""), 5000);
  report("mkdir with a name of 256", __wasi_path_create_directory(ROOT, repeat("a", 256, "")));
  try_raw("up and down 600 times", repeat("x/../", 600, "in.txt"), 3006);
  try_raw("up and down 600 times, and out", repeat("x/../", 600, "../secret.txt"), 3013);
  try_raw("up 1000 times", repeat("../", 1000, "etc/hostname"), 3012);
  try_raw("a way of 3000 slashes", repeat("/", 3000, "in.txt"), 3006);
  try_raw("a way of 1500 dots", repeat("./", 1500, "in.txt"), 3006);
  report("symlink to a long target", __wasi_path_symlink(repeat("x/../", 200, "../secret.txt"), ROOT, "long"));
  try_raw("a link of 200 ups and downs", "long", 4);
  report("stat a name with a newline", __wasi_path_filestat_get(ROOT, 0, "in\n.txt", &stat));
  try_open("in.txt ");
  try_open("\xe2\x80\xa4./secret.txt");  // looks like two dots
  try_open("%2e%2e/secret.txt");
  try_open("~/in.txt");
  try_open("C:\\in.txt");
}

static void opened(void) {
  int x, inner, fd;
  if (open_at(ROOT, "x", 1, __WASI_OFLAGS_DIRECTORY, LIST, &x)) puts("FAIL open x");
  __wasi_path_create_directory(x, "a");
  __wasi_path_create_directory(x, "a/b");
  __wasi_path_create_directory(ROOT, "elsewhere");
  if (open_at(x, "a/b", 1, __WASI_OFLAGS_DIRECTORY, LIST, &inner)) puts("FAIL open a/b");
  report("x: ..", open_at(x, "..", 1, __WASI_OFLAGS_DIRECTORY, LIST, &fd));
  report("x: a/../..", open_at(x, "a/../..", 1, __WASI_OFLAGS_DIRECTORY, LIST, &fd));
  report("x: a/..", open_at(x, "a/..", 1, __WASI_OFLAGS_DIRECTORY, LIST, &fd));
  report("x: in-root", open_at(x, "in-root", 1, 0, READ, &fd));
  report("x: ../x", open_at(x, "../x", 1, __WASI_OFLAGS_DIRECTORY, LIST, &fd));
  report("b: ..", open_at(inner, "..", 1, __WASI_OFLAGS_DIRECTORY, LIST, &fd));
  report("move a away from under b", __wasi_path_rename(x, "a", ROOT, "elsewhere/a"));
  report("b after that: ../..", open_at(inner, "../..", 1, __WASI_OFLAGS_DIRECTORY, LIST, &fd));
  report("b after that: create", open_at(inner, "new", 0, __WASI_OFLAGS_CREAT, WRITE, &fd));
  report("elsewhere/a/b/new", open_at(ROOT, "elsewhere/a/b/new", 0, 0, READ, &fd));
  report("x: rename to ../stolen", __wasi_path_rename(x, "in-root", x, "../stolen"));
  report("x: unlink ../in.txt", __wasi_path_unlink_file(x, "../in.txt"));
  report("x: mkdir ../made", __wasi_path_create_directory(x, "../made"));
  report("x: link ../in.txt", __wasi_path_link(x, 0, "../in.txt", x, "linked"));
  report("x to root: rename ..", __wasi_path_rename(x, "..", ROOT, "stolen"));
  report("unlink elsewhere/a/b/new", __wasi_path_unlink_file(inner, "new"));
  report("rmdir elsewhere/a/b", __wasi_path_remove_directory(ROOT, "elsewhere/a/b"));
  report("b when it is gone: create", open_at(inner, "new", 0, __WASI_OFLAGS_CREAT, WRITE, &fd));
  report("b when it is gone: ..", open_at(inner, "..", 1, __WASI_OFLAGS_DIRECTORY, LIST, &fd));
  report("b when it is gone: .", open_at(inner, ".", 1, __WASI_OFLAGS_DIRECTORY, LIST, &fd));
  report("mkdir in its place", __wasi_path_create_directory(ROOT, "elsewhere/a/b"));
  report("b in the new one: create", open_at(inner, "new", 0, __WASI_OFLAGS_CREAT, WRITE, &fd));
  report("symlink in place of a", __wasi_path_rename(ROOT, "evil-dir", x, "a"));
  report("x: a/secret.txt", open_at(x, "a/secret.txt", 1, 0, READ, &fd));
  report("put it back", __wasi_path_rename(x, "a", ROOT, "evil-dir"));
}

// Lists a directory in small pieces and deletes what it finds on the way.
static void deleting(void) {
  char name[32];
  uint8_t space[200];
  int dir, fd, found = 0, errors = 0;
  __wasi_path_create_directory(ROOT, "many");
  if (open_at(ROOT, "many", 1, __WASI_OFLAGS_DIRECTORY, LIST, &dir)) puts("FAIL open many");
  for (int i = 0; i < 100; i++) {
    snprintf(name, sizeof name, "file-%d", i);
    if (!open_at(dir, name, 0, __WASI_OFLAGS_CREAT, WRITE, &fd)) __wasi_fd_close(fd);
  }
  __wasi_dircookie_t cookie = 0;
  for (;;) {
    __wasi_size_t used;
    if (__wasi_fd_readdir(dir, space, sizeof space, cookie, &used)) { errors++; break; }
    unsigned at = 0;
    while (at + sizeof(__wasi_dirent_t) <= used) {
      __wasi_dirent_t entry;
      memcpy(&entry, space + at, sizeof entry);
      if (at + sizeof entry + entry.d_namlen > used) break;
      memcpy(name, space + at + sizeof entry, entry.d_namlen);
      name[entry.d_namlen] = 0;
      at += sizeof entry + entry.d_namlen;
      cookie = entry.d_next;
      if (name[0] == '.') continue;
      found++;
      if (__wasi_path_unlink_file(dir, name)) errors++;
    }
    if (used < sizeof space) break;
  }
  printf("deleted %d errors %d\n", found, errors);
  report("remove what is empty then", __wasi_path_remove_directory(ROOT, "many"));
  report("read a file that has no name any more", open_at(ROOT, "gone", 0, __WASI_OFLAGS_CREAT, READ | WRITE, &fd));
  __wasi_size_t count;
  __wasi_ciovec_t out = {(const uint8_t *)"kept", 4};
  __wasi_iovec_t in = {space, 4};
  report("write it", __wasi_fd_write(fd, &out, 1, &count));
  report("unlink it", __wasi_path_unlink_file(ROOT, "gone"));
  report("read it", __wasi_fd_pread(fd, &in, 1, 0, &count));
  printf("%.4s\n", space);
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

static long inside, outside, errors;

static void count(int error, int is_inside) {
  if (error) errors++;
  else if (is_inside) inside++;
  else outside++;
}

// What `swap/marker` has: I inside of the guest's directory, O outside.
static void race_read(void) {
  int fd;
  char byte = 0;
  __wasi_iovec_t vector = {(uint8_t *)&byte, 1};
  __wasi_size_t read;
  int error = open_at(ROOT, "swap/marker", 1, 0, READ, &fd);
  if (!error) __wasi_fd_read(fd, &vector, 1, &read), __wasi_fd_close(fd);
  count(error, byte == 'I');
}

static void race_stat(void) {
  __wasi_filestat_t stat;
  int error = __wasi_path_filestat_get(ROOT, 1, "swap/marker", &stat);
  count(error, stat.size == 1);
}

static void race_readlink(void) {
  uint8_t target[8] = {0};
  __wasi_size_t used;
  int error = __wasi_path_readlink(ROOT, "swap/link", target, sizeof target, &used);
  count(error, target[0] == 'i');
}

static void race_list(void) {
  static uint8_t space[4096];
  int dir, found = 0;
  __wasi_size_t used = 0;
  int error = open_at(ROOT, "swap", 1, __WASI_OFLAGS_DIRECTORY, LIST, &dir);
  if (!error) __wasi_fd_readdir(dir, space, sizeof space, 0, &used), __wasi_fd_close(dir);
  for (unsigned i = 0; i + 7 <= used; i++) found |= !memcmp(space + i, "outside", 7);
  count(error, !found);
}

// What follows leaves a trace outside, if it ever gets there.
static void race_write(void) {
  int fd;
  __wasi_ciovec_t vector = {(const uint8_t *)"x", 1};
  __wasi_size_t written;
  int error = open_at(ROOT, "swap/log", 1, __WASI_OFLAGS_TRUNC, WRITE, &fd);
  if (!error) __wasi_fd_write(fd, &vector, 1, &written), __wasi_fd_close(fd);
  error = open_at(ROOT, "swap/planted", 1, __WASI_OFLAGS_CREAT, WRITE, &fd);
  if (!error) __wasi_fd_close(fd);
  count(error, 1);
}

static void race_names(void) {
  __wasi_path_rename(ROOT, "swap/ball", ROOT, "ball");
  __wasi_path_rename(ROOT, "ball", ROOT, "swap/ball");
  __wasi_path_unlink_file(ROOT, "swap/victim");
  __wasi_path_link(ROOT, 0, "in.txt", ROOT, "swap/victim");
  __wasi_path_remove_directory(ROOT, "swap/dir");
  __wasi_path_create_directory(ROOT, "swap/dir");
  __wasi_path_symlink("x", ROOT, "swap/made");
  count(__wasi_path_filestat_set_times(ROOT, 0, "swap/marker", 1000, 1000, 5), 1);
}

// Works in swap/ while somebody swaps it for a link to outside, until `stop` is there.
static void race(void) {
  static void (*const attempts[])(void) = {race_read, race_stat, race_readlink, race_list, race_write, race_names};
  puts("racing");
  fflush(stdout);
  __wasi_filestat_t stat;
  do {
    for (int i = 0; i < 60; i++) attempts[i % 6]();
  } while (__wasi_path_filestat_get(ROOT, 0, "stop", &stat));
  printf("inside %ld outside %ld errors %ld\n", inside, outside, errors);
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "paths")) paths();
    if (!strcmp(argv[i], "special")) special();
    if (!strcmp(argv[i], "made")) made();
    if (!strcmp(argv[i], "slashes")) slashes();
    if (!strcmp(argv[i], "names")) names();
    if (!strcmp(argv[i], "opened")) opened();
    if (!strcmp(argv[i], "deleting")) deleting();
    if (!strcmp(argv[i], "descriptors")) descriptors();
    if (!strcmp(argv[i], "pointers")) pointers();
    if (!strcmp(argv[i], "race")) race();
  }
  puts("done");
}
