// A guest that calls each function of preview 1, with sensible and with odd arguments, and prints
// what they answer: the same under every host, so that two can be compared.
#include <stdio.h>
#include <string.h>
#include <wasi/api.h>

#define ROOT 3
#define SAY(call) say(#call, call)
#define ALL 0x1fffffff
#define LIST (__WASI_RIGHTS_FD_READDIR | __WASI_RIGHTS_FD_READ)

static char bytes[4096];

static int say(const char *what, int error) {
  printf("%s = %d\n", what, error);
  return error;
}

static int open_at(int dir, const char *path, int follow, int oflags, long long rights, int flags) {
  int fd = -1;
  int error = __wasi_path_open(dir, follow, path, oflags, rights, rights, flags, &fd);
  printf("open %s follow=%d oflags=%d flags=%d = %d\n", path, follow, oflags, flags, error);
  return error ? -1 : fd;
}

static void type_of(const char *what, int fd) {
  __wasi_fdstat_t stat;
  int error = __wasi_fd_fdstat_get(fd, &stat);
  printf("fdstat %s = %d", what, error);
  if (!error) printf(" type=%d flags=%d", stat.fs_filetype, stat.fs_flags);
  puts("");
}

static void stat_of(const char *path, int follow) {
  __wasi_filestat_t stat;
  int error = __wasi_path_filestat_get(ROOT, follow, path, &stat);
  printf("stat %s follow=%d = %d", path, follow, error);
  if (!error) printf(" type=%d links=%lld size=%lld", stat.filetype, stat.nlink, stat.filetype == 3 ? 0 : stat.size);
  puts("");
}

static int transfer(int fd, int writing, const char *text, long long at) {
  __wasi_size_t count = 0;
  // One vector: hosts differ in whether a call takes more than the first that is not empty.
  __wasi_ciovec_t out = {(const uint8_t *)text, strlen(text)};
  __wasi_iovec_t in = {(uint8_t *)bytes, 100};
  int error = writing ? at < 0 ? __wasi_fd_write(fd, &out, 1, &count) : __wasi_fd_pwrite(fd, &out, 1, at, &count)
                      : at < 0 ? __wasi_fd_read(fd, &in, 1, &count) : __wasi_fd_pread(fd, &in, 1, at, &count);
  printf("%s at %lld = %d count=%d", writing ? "write" : "read", at, error, (int)count);
  if (!writing && !error) printf(" %.*s", (int)count, bytes);
  puts("");
  return error;
}

static long long place(int fd) {
  __wasi_filesize_t at = 99;
  int error = __wasi_fd_tell(fd, &at);
  return error ? -error : (long long)at;
}

static void files(void) {
  __wasi_filesize_t at;
  int fd = open_at(ROOT, "file", 0, 1, ALL, 0);
  type_of("file", fd);
  transfer(fd, 1, "0123456789", -1);
  printf("tell = %lld\n", place(fd));
  transfer(fd, 0, "", -1);
  SAY(__wasi_fd_seek(fd, -3, 1, &at));
  transfer(fd, 0, "", -1);
  SAY(__wasi_fd_seek(fd, -1, 0, &at));
  SAY(__wasi_fd_seek(fd, -11, 2, &at));
  SAY(__wasi_fd_seek(fd, 5, 2, &at));
  printf("tell = %lld\n", place(fd));
  SAY(__wasi_fd_seek(fd, 0x7fffffffffffffff, 0, &at));
  SAY(__wasi_fd_seek(fd, 4, 0, &at));
  transfer(fd, 0, "", 8);
  transfer(fd, 0, "", 20);
  transfer(fd, 1, "ab", 0);
  printf("tell = %lld\n", place(fd));
  SAY(__wasi_fd_advise(fd, 0, 10, __WASI_ADVICE_NORMAL));
  SAY(__wasi_fd_advise(fd, 0, 10, __WASI_ADVICE_DONTNEED));
  SAY(__wasi_fd_advise(ROOT, 0, 10, __WASI_ADVICE_NORMAL));
  SAY(__wasi_fd_advise(1, 0, 10, __WASI_ADVICE_NORMAL));
  SAY(__wasi_fd_advise(77, 0, 10, __WASI_ADVICE_NORMAL));
  SAY(__wasi_fd_allocate(fd, 0, 100));
  SAY(__wasi_fd_allocate(fd, 0, 5));
  SAY(__wasi_fd_allocate(ROOT, 0, 5));
  SAY(__wasi_fd_allocate(1, 0, 5));
  SAY(__wasi_fd_allocate(77, 0, 5));
  stat_of("file", 0);
  SAY(__wasi_fd_filestat_set_size(fd, 6));
  SAY(__wasi_fd_filestat_set_size(ROOT, 6));
  SAY(__wasi_fd_filestat_set_size(1, 6));
  SAY(__wasi_fd_filestat_set_size(77, 6));
  stat_of("file", 0);
  SAY(__wasi_fd_filestat_set_times(fd, 1000000000, 2000000000, 5));
  SAY(__wasi_fd_filestat_set_times(fd, 0, 0, 10));
  SAY(__wasi_fd_filestat_set_times(fd, 0, 0, 3));
  SAY(__wasi_fd_filestat_set_times(fd, 0, 0, 0));
  SAY(__wasi_fd_filestat_set_times(ROOT, 1000000000, 2000000000, 5));
  SAY(__wasi_fd_filestat_set_times(1, 0, 0, 5));
  SAY(__wasi_fd_sync(fd));
  SAY(__wasi_fd_sync(ROOT));
  SAY(__wasi_fd_sync(1));
  SAY(__wasi_fd_datasync(fd));
  SAY(__wasi_fd_datasync(ROOT));
  SAY(__wasi_fd_datasync(1));
  SAY(__wasi_fd_datasync(77));
  SAY(__wasi_fd_fdstat_set_flags(fd, __WASI_FDFLAGS_APPEND));
  type_of("append", fd);
  transfer(fd, 1, "end", -1);
  SAY(__wasi_fd_fdstat_set_flags(fd, __WASI_FDFLAGS_DSYNC));
  SAY(__wasi_fd_fdstat_set_flags(fd, __WASI_FDFLAGS_NONBLOCK));
  type_of("nonblock", fd);
  SAY(__wasi_fd_fdstat_set_flags(fd, 0));
  SAY(__wasi_fd_fdstat_set_flags(ROOT, 0));
  SAY(__wasi_fd_fdstat_set_flags(77, 0));
  SAY(__wasi_fd_fdstat_set_rights(fd, 0, 0));
  SAY(__wasi_fd_fdstat_set_rights(77, 0, 0));
  stat_of("file", 0);
  int reader = open_at(ROOT, "file", 0, 0, __WASI_RIGHTS_FD_READ, 0);
  transfer(reader, 1, "no", -1);
  transfer(reader, 1, "no", 3);
  transfer(reader, 0, "", -1);
  SAY(__wasi_fd_filestat_set_size(reader, 1));
  SAY(__wasi_fd_allocate(reader, 0, 5));
  int writer = open_at(ROOT, "file", 0, 0, __WASI_RIGHTS_FD_WRITE, 0);
  transfer(writer, 0, "", -1);
  transfer(writer, 0, "", 0);
  transfer(writer, 1, "ok", -1);
  SAY(__wasi_fd_renumber(reader, writer));
  SAY(__wasi_fd_close(reader));
  transfer(writer, 0, "", 0);
  SAY(__wasi_fd_renumber(writer, 50));
  SAY(__wasi_fd_renumber(77, writer));
  SAY(__wasi_fd_renumber(writer, writer));
  SAY(__wasi_fd_renumber(77, 77));
  SAY(__wasi_fd_close(writer));
  SAY(__wasi_fd_close(writer));
  SAY(__wasi_fd_close(77));
  SAY(__wasi_fd_close(-1));
  int append = open_at(ROOT, "file", 0, 0, ALL, __WASI_FDFLAGS_APPEND);
  type_of("append", append);
  transfer(append, 1, "more", -1);
  transfer(append, 1, "most", 0);
  transfer(append, 0, "", 0);
  SAY(__wasi_fd_close(append));
  SAY(__wasi_fd_close(open_at(ROOT, "file", 0, 8, ALL, 0)));
  stat_of("file", 0);
  open_at(ROOT, "file", 0, 5, ALL, 0);
  open_at(ROOT, "file", 0, 2, LIST, 0);
  open_at(ROOT, "file", 0, 3, ALL, 0);
  open_at(ROOT, "file/", 0, 0, ALL, 0);
  open_at(ROOT, "none", 0, 0, ALL, 0);
  open_at(ROOT, "none", 0, 2, LIST, 0);
  open_at(ROOT, "none/file", 0, 1, ALL, 0);
  open_at(ROOT, "file/none", 0, 1, ALL, 0);
  open_at(ROOT, "", 0, 0, ALL, 0);
  open_at(1, "file", 0, 0, ALL, 0);
  open_at(fd, "file", 0, 0, ALL, 0);
  open_at(77, "file", 0, 0, ALL, 0);
  open_at(ROOT, "new/", 0, 1, ALL, 0);
  SAY(__wasi_fd_close(fd));
}

static void directories(void) {
  SAY(__wasi_path_create_directory(ROOT, "dir"));
  SAY(__wasi_path_create_directory(ROOT, "dir"));
  SAY(__wasi_path_create_directory(ROOT, "dir/"));
  SAY(__wasi_path_create_directory(ROOT, "slash/"));
  SAY(__wasi_path_create_directory(ROOT, "none/dir"));
  SAY(__wasi_path_create_directory(ROOT, ""));
  SAY(__wasi_path_create_directory(ROOT, "."));
  SAY(__wasi_path_create_directory(ROOT, "file"));
  SAY(__wasi_path_create_directory(ROOT, "file/dir"));
  stat_of("dir", 0);
  stat_of("dir/", 0);
  stat_of("file/", 0);
  stat_of("none", 0);
  stat_of("", 0);
  stat_of(".", 0);
  open_at(ROOT, "dir", 0, 2, ALL, 0);
  int dir = open_at(ROOT, "dir", 0, 2, LIST, 0);
  type_of("dir", dir);
  open_at(ROOT, "dir", 0, 0, ALL, 0);
  open_at(ROOT, "dir", 0, 0, __WASI_RIGHTS_FD_READ, 0);
  open_at(ROOT, "dir", 0, 1, ALL, 0);
  open_at(ROOT, "dir", 0, 5, ALL, 0);
  open_at(ROOT, "dir", 0, 8, ALL, 0);
  SAY(__wasi_fd_close(open_at(dir, "inner", 0, 1, ALL, 0)));
  transfer(dir, 0, "", -1);
  transfer(dir, 1, "no", -1);
  transfer(dir, 0, "", 0);
  transfer(dir, 1, "no", 0);
  __wasi_filesize_t at;
  SAY(__wasi_fd_seek(dir, 0, 0, &at));
  SAY(__wasi_fd_tell(dir, &at));
  SAY(__wasi_fd_seek(1, 0, 0, &at));
  SAY(__wasi_fd_tell(1, &at));
  SAY(__wasi_fd_seek(77, 0, 0, &at));
  __wasi_size_t used = 0;
  SAY(__wasi_fd_readdir(dir, (uint8_t *)bytes, sizeof bytes, 0, &used));
  printf("used %d\n", (int)used);
  SAY(__wasi_fd_readdir(dir, (uint8_t *)bytes, 30, 0, &used));
  printf("used %d\n", (int)used);
  SAY(__wasi_fd_readdir(dir, (uint8_t *)bytes, sizeof bytes, 3, &used));
  printf("used %d\n", (int)used);
  SAY(__wasi_fd_readdir(dir, (uint8_t *)bytes, sizeof bytes, 99, &used));
  printf("used %d\n", (int)used);
  SAY(__wasi_fd_readdir(1, (uint8_t *)bytes, sizeof bytes, 0, &used));
  SAY(__wasi_fd_readdir(77, (uint8_t *)bytes, sizeof bytes, 0, &used));
  SAY(__wasi_path_remove_directory(ROOT, "dir"));
  SAY(__wasi_path_remove_directory(ROOT, "file"));
  SAY(__wasi_path_remove_directory(ROOT, "none"));
  SAY(__wasi_path_remove_directory(ROOT, "."));
  SAY(__wasi_path_remove_directory(ROOT, "dir/."));
  SAY(__wasi_path_remove_directory(ROOT, "slash/"));
  SAY(__wasi_path_create_directory(ROOT, "slash/"));
  SAY(__wasi_path_unlink_file(ROOT, "dir"));
  SAY(__wasi_path_unlink_file(ROOT, "none"));
  SAY(__wasi_path_unlink_file(ROOT, "file/"));
  SAY(__wasi_path_unlink_file(ROOT, ""));
  SAY(__wasi_path_unlink_file(dir, "inner"));
  SAY(__wasi_fd_close(dir));
}

static void links(void) {
  __wasi_size_t used = 0;
  SAY(__wasi_path_symlink("file", ROOT, "link"));
  SAY(__wasi_path_symlink("file", ROOT, "link"));
  SAY(__wasi_path_symlink("file", ROOT, "file"));
  SAY(__wasi_path_symlink("file", ROOT, "slash/"));
  SAY(__wasi_path_symlink("", ROOT, "empty"));
  SAY(__wasi_path_symlink("/abs", ROOT, "absolute"));
  SAY(__wasi_path_symlink("dir", ROOT, "dirlink"));
  SAY(__wasi_path_symlink("none", ROOT, "dangling"));
  SAY(__wasi_path_symlink("loop", ROOT, "loop"));
  stat_of("link", 0);
  stat_of("link", 1);
  stat_of("dirlink", 0);
  stat_of("dirlink", 1);
  stat_of("dirlink/", 0);
  stat_of("dangling", 0);
  stat_of("dangling", 1);
  stat_of("loop", 1);
  SAY(__wasi_path_readlink(ROOT, "link", (uint8_t *)bytes, sizeof bytes, &used));
  printf("%.*s\n", (int)used, bytes);
  SAY(__wasi_path_readlink(ROOT, "link", (uint8_t *)bytes, 2, &used));
  printf("%.*s\n", (int)used, bytes);
  SAY(__wasi_path_readlink(ROOT, "link", (uint8_t *)bytes, 0, &used));
  SAY(__wasi_path_readlink(ROOT, "file", (uint8_t *)bytes, sizeof bytes, &used));
  SAY(__wasi_path_readlink(ROOT, "none", (uint8_t *)bytes, sizeof bytes, &used));
  SAY(__wasi_path_readlink(ROOT, "dir", (uint8_t *)bytes, sizeof bytes, &used));
  open_at(ROOT, "link", 0, 0, ALL, 0);
  SAY(__wasi_fd_close(open_at(ROOT, "link", 1, 0, ALL, 0)));
  open_at(ROOT, "link", 0, 2, LIST, 0);
  open_at(ROOT, "link", 1, 5, ALL, 0);
  open_at(ROOT, "dangling", 1, 0, ALL, 0);
  open_at(ROOT, "dangling", 1, 5, ALL, 0);
  open_at(ROOT, "dirlink", 0, 2, LIST, 0);
  SAY(__wasi_fd_close(open_at(ROOT, "dirlink", 1, 2, LIST, 0)));
  open_at(ROOT, "loop", 0, 0, ALL, 0);
  open_at(ROOT, "loop", 1, 0, ALL, 0);
  SAY(__wasi_path_link(ROOT, 0, "file", ROOT, "hard"));
  SAY(__wasi_path_link(ROOT, 0, "file", ROOT, "hard"));
  SAY(__wasi_path_link(ROOT, 1, "file", ROOT, "harder"));
  SAY(__wasi_path_link(ROOT, 0, "link", ROOT, "hardlink"));
  SAY(__wasi_path_link(ROOT, 0, "dir", ROOT, "harddir"));
  SAY(__wasi_path_link(ROOT, 0, "none", ROOT, "hardnone"));
  SAY(__wasi_path_link(ROOT, 0, "file", ROOT, "slash/"));
  SAY(__wasi_path_link(ROOT, 0, "file/", ROOT, "slash"));
  SAY(__wasi_path_link(ROOT, 0, "file", 1, "hard2"));
  stat_of("file", 0);
  stat_of("hardlink", 0);
  SAY(__wasi_path_filestat_set_times(ROOT, 0, "link", 1000000000, 2000000000, 5));
  SAY(__wasi_path_filestat_set_times(ROOT, 1, "link", 1000000000, 2000000000, 5));
  SAY(__wasi_path_filestat_set_times(ROOT, 1, "dangling", 1, 1, 5));
  SAY(__wasi_path_filestat_set_times(ROOT, 0, "none", 1, 1, 5));
  SAY(__wasi_path_filestat_set_times(ROOT, 0, "file", 1, 1, 3));
  SAY(__wasi_path_filestat_set_times(ROOT, 0, "file", 1, 1, 12));
  SAY(__wasi_path_unlink_file(ROOT, "dirlink/"));
  SAY(__wasi_path_remove_directory(ROOT, "dirlink"));
  SAY(__wasi_path_unlink_file(ROOT, "dirlink"));
  SAY(__wasi_path_unlink_file(ROOT, "link"));
}

static void renames(void) {
  SAY(__wasi_path_rename(ROOT, "hard", ROOT, "moved"));
  SAY(__wasi_path_rename(ROOT, "none", ROOT, "moved"));
  SAY(__wasi_path_rename(ROOT, "moved", ROOT, "dir"));
  SAY(__wasi_path_rename(ROOT, "dir", ROOT, "moved"));
  SAY(__wasi_path_rename(ROOT, "dir", ROOT, "dir/inside"));
  SAY(__wasi_path_rename(ROOT, "dir", ROOT, "dir2"));
  SAY(__wasi_path_rename(ROOT, "dir2/", ROOT, "dir3/"));
  SAY(__wasi_path_rename(ROOT, "moved/", ROOT, "moved2"));
  SAY(__wasi_path_rename(ROOT, "moved", ROOT, "moved2/"));
  SAY(__wasi_path_rename(ROOT, ".", ROOT, "dot"));
  SAY(__wasi_path_rename(ROOT, "moved", ROOT, "."));
  SAY(__wasi_path_rename(ROOT, "", ROOT, "empty"));
  SAY(__wasi_path_rename(ROOT, "moved", 1, "x"));
  SAY(__wasi_path_rename(ROOT, "dangling", ROOT, "dangled"));
  stat_of("dangled", 0);
  stat_of("dir3", 0);
}

static void others(void) {
  __wasi_timestamp_t time = 0, later = 0;
  SAY(__wasi_clock_time_get(0, 0, &time));
  printf("after 2020 %d\n", time > 1577836800000000000ull);
  SAY(__wasi_clock_time_get(1, 0, &time));
  SAY(__wasi_clock_time_get(1, 0, &later));
  printf("goes on %d\n", later >= time);
  SAY(__wasi_clock_res_get(0, &time));
  SAY(__wasi_clock_res_get(1, &time));
  printf("fine %d\n", time > 0 && time <= 1000000);
  SAY(__wasi_clock_time_get(2, 0, &time));
  SAY(__wasi_clock_time_get(3, 0, &time));
  SAY(__wasi_clock_res_get(2, &time));
  SAY(__wasi_random_get((uint8_t *)bytes, 100));
  SAY(__wasi_random_get((uint8_t *)bytes, 0));
  SAY(__wasi_sched_yield());
  __wasi_prestat_t pre;
  SAY(__wasi_fd_prestat_get(ROOT, &pre));
  printf("tag %d length %d\n", pre.tag, (int)pre.u.dir.pr_name_len);
  SAY(__wasi_fd_prestat_dir_name(ROOT, (uint8_t *)bytes, 100));
  SAY(__wasi_fd_prestat_dir_name(ROOT, (uint8_t *)bytes, 0));
  SAY(__wasi_fd_prestat_get(ROOT + 1, &pre));
  SAY(__wasi_fd_prestat_get(1, &pre));
  SAY(__wasi_fd_prestat_dir_name(1, (uint8_t *)bytes, 100));
  __wasi_filestat_t stat;
  SAY(__wasi_fd_filestat_get(1, &stat));
  SAY(__wasi_fd_filestat_get(77, &stat));
  type_of("unused", 77);
  int fd;
  __wasi_size_t count;
  __wasi_roflags_t flags;
  __wasi_iovec_t in = {(uint8_t *)bytes, 1};
  __wasi_ciovec_t out = {(uint8_t *)bytes, 1};
  SAY(__wasi_sock_accept(ROOT, 0, &fd));
  SAY(__wasi_sock_accept(77, 0, &fd));
  SAY(__wasi_sock_recv(ROOT, &in, 1, 0, &count, &flags));
  SAY(__wasi_sock_send(ROOT, &out, 1, 0, &count));
  SAY(__wasi_sock_shutdown(ROOT, 3));
  SAY(__wasi_sock_shutdown(77, 3));
  transfer(0, 1, "no", -1);
  transfer(0, 0, "", -1);
  transfer(1, 0, "", -1);
  transfer(1, 0, "", 0);
  transfer(1, 1, "no", 0);
  __wasi_subscription_t wanted[3] = {{.userdata = 1, .u.tag = 0, .u.u.clock = {1, 1000, 0, 0}},
      {.userdata = 2, .u.tag = 1, .u.u.fd_read.file_descriptor = 77},
      {.userdata = 3, .u.tag = 0, .u.u.clock = {0, 1, 0, 1}}};
  __wasi_event_t events[3];
  SAY(__wasi_poll_oneoff(wanted, events, 1, &count));
  printf("%d events, %d type %d errno %d\n", (int)count, (int)events[0].userdata, events[0].type, events[0].error);
  SAY(__wasi_poll_oneoff(wanted + 2, events, 1, &count));
  printf("%d events, %d type %d errno %d\n", (int)count, (int)events[0].userdata, events[0].type, events[0].error);
  SAY(__wasi_poll_oneoff(wanted, events, 0, &count));
}

int main(void) {
  files();
  directories();
  links();
  renames();
  others();
  puts("done");
}
