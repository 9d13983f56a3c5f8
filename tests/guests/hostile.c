// A guest that does harm, as far as it is let, in the way that its first argument names:
//
//   flood            writes to standard output without end
//   fill DIR         fills a file, and says what ended that
//   files DIR        makes files without end
//   open DIR         opens DIR until it may not, says how often, and goes on
//   hoard DIR        has the host keep long listings of DIR, again and again
//   random MB        asks for so many random bytes in one call, and says so
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <wasi/api.h>

static char block[1 << 20];

static void wait_for_ever(void) {
  for (;;) sleep(1000);
}

static void flood(void) {
  memset(block, 'x', sizeof block);
  for (;;) write(1, block, sizeof block);
}

static void fill(const char *dir) {
  char name[256];
  snprintf(name, sizeof name, "%s/filling", dir);
  int file = open(name, O_WRONLY | O_CREAT, 0666);
  while (write(file, block, sizeof block) > 0) {
  }
  printf("ended: %s\n", strerror(errno));
  fflush(stdout);
  wait_for_ever();
}

static void make_files(const char *dir, int most) {
  char name[512];
  for (int i = 0; most == 0 || i < most; i++) {
    snprintf(name, sizeof name, "%s/%0200d", dir, i);
    int file = open(name, O_WRONLY | O_CREAT, 0666);
    if (file < 0) break;
    close(file);
  }
}

static void open_all(const char *dir) {
  int count = 0;
  while (open(dir, O_RDONLY | O_DIRECTORY) >= 0) count++;
  printf("opened %d: %s\n", count, strerror(errno));
  fflush(stdout);
  wait_for_ever();
}

static void hoard(const char *dir) {
  make_files(dir, 4000);
  printf("made\n");
  fflush(stdout);
  for (;;) {
    DIR *opened = opendir(dir);
    if (!opened) break;
    readdir(opened);
  }
  wait_for_ever();
}

static void ask_random(long megabytes) {
  size_t length = (size_t)megabytes << 20;
  printf("random: %d\n", __wasi_random_get(malloc(length), length));
}


int main(int count, char **arguments) {
  const char *verb = count > 1 ? arguments[1] : "";
  const char *what = count > 2 ? arguments[2] : ".";
  if (!strcmp(verb, "flood")) flood();
  if (!strcmp(verb, "fill")) fill(what);
  if (!strcmp(verb, "files")) make_files(what, 0);
  if (!strcmp(verb, "open")) open_all(what);
  if (!strcmp(verb, "hoard")) hoard(what);
  if (!strcmp(verb, "random")) ask_random(atol(what));
  return 0;
}
