// A guest that uses files in every way that WASI preview 1 knows, in the directory it is given,
// which must be its first preopen. Prints `ok …` or `FAIL …`, a line a check.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <wasi/api.h>

static void check(const char *what, int good) {
  printf("%s %s", good ? "ok" : "FAIL", what);
  if (!good) printf(": %s", strerror(errno));
  puts("");
}

static int holds(const char *name, const char *want) {
  char bytes[256];
  int fd = open(name, O_RDONLY);
  if (fd < 0) return 0;
  ssize_t count = read(fd, bytes, sizeof bytes);
  close(fd);
  return count == (ssize_t)strlen(want) && !memcmp(bytes, want, count);
}

static int put(const char *name, int flags, const char *text) {
  int fd = open(name, flags, 0644);
  if (fd < 0) return 0;
  ssize_t count = write(fd, text, strlen(text));
  return !close(fd) && count == (ssize_t)strlen(text);
}

static int count_entries(const char *name) {
  DIR *dir = opendir(name);
  if (!dir) return -1;
  int count = 0;
  while (readdir(dir)) count++;
  closedir(dir);
  return count - 2;  // . and ..
}

static void contents(void) {
  check("read", holds("in.txt", "input data\n"));
  check("create", put("out.txt", O_CREAT | O_WRONLY, "hello out"));
  check("read back", holds("out.txt", "hello out"));
  check("append", put("out.txt", O_APPEND | O_WRONLY, "+more") && holds("out.txt", "hello out+more"));
  check("exclusive", !put("out.txt", O_CREAT | O_EXCL | O_WRONLY, "") && errno == EEXIST);
  int fd = open("out.txt", O_TRUNC | O_RDWR);
  struct stat stat;
  check("truncate on open", !fstat(fd, &stat) && stat.st_size == 0);
  check("pwrite", pwrite(fd, "abcdef", 6, 4) == 6);
  char bytes[8] = {0};
  check("pread", pread(fd, bytes, 3, 5) == 3 && !memcmp(bytes, "bcd", 3));
  check("seek", lseek(fd, -2, SEEK_END) == 8 && lseek(fd, 0, SEEK_CUR) == 8);
  check("seek before the start", lseek(fd, -1, SEEK_SET) < 0 && errno == EINVAL);
  check("ftruncate", !ftruncate(fd, 3) && !fstat(fd, &stat) && stat.st_size == 3);
  check("fsync and fdatasync", !fsync(fd) && !fdatasync(fd));
  lseek(fd, 0, SEEK_SET);
  struct iovec parts[3] = {{"on", 2}, {"", 0}, {"e two", 5}};
  check("writev", writev(fd, parts, 3) == 7);
  check("set flags", !fcntl(fd, F_SETFL, O_APPEND) && (fcntl(fd, F_GETFL) & O_APPEND));
  lseek(fd, 0, SEEK_SET);
  check("append after that", write(fd, "!", 1) == 1 && holds("out.txt", "one two!"));
  close(fd);
  check("write to what is open to read", (fd = open("in.txt", O_RDONLY)) >= 0 && write(fd, "x", 1) < 0);
  check("read of a closed descriptor", !close(fd) && read(fd, bytes, 1) < 0 && errno == EBADF);
  check("read what is open to write", (fd = open("out.txt", O_WRONLY)) >= 0 && read(fd, bytes, 1) < 0);
  close(fd);
}

static void names(void) {
  struct stat stat;
  check("absent", lstat("nope", &stat) && errno == ENOENT);
  check("absent, to read", open("nope", O_RDONLY) < 0 && errno == ENOENT);
  check("below a file", lstat("in.txt/x", &stat) && errno == ENOTDIR);
  check("mkdir", !mkdir("sub", 0755) && !mkdir("sub/a", 0755) && !mkdir("sub/a/b/", 0755));
  check("mkdir again", mkdir("sub", 0755) && errno == EEXIST);
  check("create below", put("sub/a/b/f", O_CREAT | O_WRONLY, "1"));
  check("rename", !rename("sub/a/b/f", "sub/g") && holds("sub/g", "1"));
  check("rename a directory", !rename("sub/a/", "sub/z"));
  check("symlink", !symlink("g", "sub/link") && holds("sub/link", "1"));
  char target[8];
  check("readlink", readlink("sub/link", target, sizeof target) == 1 && target[0] == 'g');
  check("lstat", !lstat("sub/link", &stat) && S_ISLNK(stat.st_mode));
  check("stat", !lstat("sub/g", &stat) && S_ISREG(stat.st_mode) && stat.st_size == 1);
  check("symlink upwards but inside", !symlink("../in.txt", "sub/up") && holds("sub/up", "input data\n"));
  check("link", !link("sub/g", "sub/hard") && !lstat("sub/hard", &stat) && stat.st_nlink == 2);
  struct timespec times[2] = {{1000, 0}, {2000, 5000000}};
  check("times", !utimensat(AT_FDCWD, "sub/g", times, 0) && !lstat("sub/g", &stat) &&
                     stat.st_mtim.tv_sec == 2000 && stat.st_mtim.tv_nsec == 5000000 && stat.st_atim.tv_sec == 1000);
  // Raw, as this C library refuses UTIME_OMIT and UTIME_NOW itself.
  check("times, one kept", !__wasi_path_filestat_set_times(3, 0, "sub/g", 0, 0, __WASI_FSTFLAGS_MTIM_NOW) &&
                               !lstat("sub/g", &stat) &&
                               stat.st_mtim.tv_sec > 2000 && stat.st_atim.tv_sec == 1000);
  check("list", count_entries("sub") == 5);
  check("list a file", count_entries("in.txt") < 0 && errno == ENOTDIR);
  check("open a directory to write", open("sub", O_WRONLY) < 0 && errno == EISDIR);
  check("unlink a directory", unlink("sub/z"));
  check("rmdir a file", rmdir("sub/g") && errno == ENOTDIR);
  check("rmdir what is not empty", rmdir("sub/z") && errno == ENOTEMPTY);
  check("rmdir", !rmdir("sub/z/b") && !rmdir("sub/z/"));
  check("unlink", !unlink("sub/g") && !unlink("sub/link") && !unlink("sub/up") && !unlink("sub/hard"));
  check("not ASCII", put("\u00fcn\u00ef-\u4e16", O_CREAT | O_WRONLY, "u") && !unlink("\u00fcn\u00ef-\u4e16"));
}

static void many(void) {
  char name[64];
  int good = !mkdir("many", 0755);
  for (int i = 0; i < 500; i++) {
    snprintf(name, sizeof name, "many/file-with-a-long-name-%d", i);
    good &= put(name, O_CREAT | O_WRONLY, "");
  }
  check("500 files", good);
  check("list 500 files", count_entries("many") == 500);
  DIR *dir = opendir("many");
  int deleted = 0;
  for (struct dirent *entry; (entry = readdir(dir));) {
    snprintf(name, sizeof name, "many/%s", entry->d_name);
    if (entry->d_type == DT_REG) deleted += !unlink(name);
  }
  closedir(dir);
  check("delete while listing", deleted == 500 && !rmdir("many"));
  good = 1;
  for (int i = 0; i < 3000; i++) {
    int fd = open("in.txt", O_RDONLY);
    good &= fd >= 0 && !close(fd);
  }
  check("3000 times open and close", good);
}

int main(int argc, char **argv) {
  if (argc < 2 || chdir(argv[1])) return 2;
  contents();
  names();
  many();
  puts("done");
}
