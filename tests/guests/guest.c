// A guest for tests and examples: does what its arguments say, one after the other.
//
//   echo TEXT        a line to standard output         err TEXT    a line to standard error
//   exit N           ends with this code               trap        executes `unreachable`
//   sleep MS         waits                             spin        never yields again
//   cat FILE         a file to standard output         write FILE TEXT
//   append FILE TEXT                                   ls DIR      names, one a line
//   env NAME         its value, or an empty line       args        all arguments, one a line
//   stdin            standard input to standard output lines N     line 1 … line N
//   grow MB          allocates and touches memory      tick MS N   N lines, with waits between
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static void wait_millis(long millis) {
  struct timespec time = {millis / 1000, millis % 1000 * 1000000};
  nanosleep(&time, NULL);
}

static void copy(int from) {
  char bytes[4096];
  for (ssize_t count; (count = read(from, bytes, sizeof bytes)) != 0;) {
    if (count < 0) fail("read");
    fwrite(bytes, 1, count, stdout);
    fflush(stdout);
  }
}

static void cat(const char *name) {
  FILE *file = fopen(name, "r");
  if (!file) fail(name);
  copy(fileno(file));
  fclose(file);
}

static void put(const char *name, const char *mode, const char *text) {
  FILE *file = fopen(name, mode);
  if (!file || fputs(text, file) < 0 || fclose(file)) fail(name);
}

static void list(const char *name) {
  DIR *dir = opendir(name);
  if (!dir) fail(name);
  for (struct dirent *entry; (entry = readdir(dir));) {
    if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) {
      puts(entry->d_name);
    }
  }
  closedir(dir);
}

static void grow(long megabytes) {
  for (long i = 0; i < megabytes; i++) {
    // Volatile, or else the compiler sees that nobody reads it and leaves it out.
    volatile char *block = malloc(1 << 20);
    if (!block) fail("malloc");
    for (int at = 0; at < 1 << 20; at += 4096) block[at] = 1;
  }
  printf("grew %ld MB\n", megabytes);
}

int main(int argc, char **argv) {
  int at = 1;
  // A missing argument reads as empty.
#define NEXT (at < argc ? argv[at++] : "")
  setvbuf(stdout, NULL, _IOLBF, 0);
  while (at < argc) {
    const char *verb = argv[at++];
    if (!strcmp(verb, "echo")) puts(NEXT);
    else if (!strcmp(verb, "err")) fprintf(stderr, "%s\n", NEXT);
    else if (!strcmp(verb, "exit")) exit(atoi(NEXT));
    else if (!strcmp(verb, "sleep")) wait_millis(atol(NEXT));
    else if (!strcmp(verb, "spin")) for (volatile int i = 0;; i++);
    else if (!strcmp(verb, "trap")) __builtin_trap();
    else if (!strcmp(verb, "cat")) cat(NEXT);
    else if (!strcmp(verb, "write")) { const char *name = NEXT; put(name, "w", NEXT); }
    else if (!strcmp(verb, "append")) { const char *name = NEXT; put(name, "a", NEXT); }
    else if (!strcmp(verb, "ls")) list(NEXT);
    else if (!strcmp(verb, "stdin")) copy(0);
    else if (!strcmp(verb, "grow")) grow(atol(NEXT));
    else if (!strcmp(verb, "args")) for (int i = 0; i < argc; i++) puts(argv[i]);
    else if (!strcmp(verb, "lines")) {
      long count = atol(NEXT);
      for (long i = 1; i <= count; i++) printf("line %ld\n", i);
    } else if (!strcmp(verb, "tick")) {
      long millis = atol(NEXT), count = atol(NEXT);
      for (long i = 1; i <= count; i++) { printf("tick %ld\n", i); wait_millis(millis); }
    } else if (!strcmp(verb, "env")) {
      const char *value = getenv(NEXT);
      puts(value ? value : "");
    } else {
      fprintf(stderr, "unknown verb: %s\n", verb);
      exit(2);
    }
  }
  return 0;
}
