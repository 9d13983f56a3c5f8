// writer prepare DIR        makes the letter box DIR
// writer send DIR FILE      seals each line of FILE and drops it into DIR as a letter
// Environment: SENDER (who signs), SEAL (the secret shared with the reader).
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "seal.h"

static int fail(const char *what) {
  fprintf(stderr, "Cannot open %s: %s\n", what, strerror(errno));
  return 1;
}

// Written aside and renamed, so that the reader never sees half a letter.
static int drop(const char *dir, int number, const char *from, const char *text, uint32_t mark) {
  char draft[256], letter[256];
  snprintf(draft, sizeof draft, "%s/.draft", dir);
  snprintf(letter, sizeof letter, "%s/%d", dir, number);
  FILE *file = fopen(draft, "w");
  if (!file) return fail(draft);
  fprintf(file, "%s\n%s\n%08x\n", from, text, (unsigned)mark);
  fclose(file);
  return rename(draft, letter) == 0 ? 0 : fail(letter);
}

static int prepare(const char *dir) {
  if (mkdir(dir, 0755) != 0 && errno != EEXIST) return fail(dir);
  printf("The letter box stands at %s\n", dir);
  return 0;
}

static int send(const char *dir, const char *path) {
  const char *sender = getenv("SENDER"), *secret = getenv("SEAL");
  if (!sender || !secret) {
    fprintf(stderr, "Cannot sign letters: SENDER and SEAL must be set\n");
    return 1;
  }
  FILE *lines = fopen(path, "r");
  if (!lines) return fail(path);
  char line[200];
  int sent = 0;
  while (fgets(line, sizeof line, lines)) {
    line[strcspn(line, "\n")] = 0;
    if (!*line) continue;
    struct timespec pause = {.tv_nsec = 200 * 1000 * 1000};
    nanosleep(&pause, NULL);
    if (drop(dir, ++sent, sender, line, seal(secret, line)) != 0) return 1;
    printf("Sent letter %d\n", sent);
    fflush(stdout);
  }
  fclose(lines);
  printf("That was all: %d letters\n", sent);
  return drop(dir, sent + 1, "", "", 0);
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "prepare") == 0) return prepare(argv[2]);
  if (argc == 4 && strcmp(argv[1], "send") == 0) return send(argv[2], argv[3]);
  fprintf(stderr, "Usage: writer prepare DIR | writer send DIR FILE\n");
  return 2;
}
