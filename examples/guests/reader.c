// reader DIR    waits for the letters in DIR, checks their seals and prints them
// Exits 0 after the last letter, 1 when a seal is broken or no letter comes for ten seconds.
// Environment: SEAL (the secret shared with the writer).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "seal.h"

static FILE *wait_for(const char *path) {
  struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
  for (int tries = 0; tries < 500; tries++) {
    FILE *file = fopen(path, "r");
    if (file) return file;
    nanosleep(&pause, NULL);
  }
  return NULL;
}

static void read_line(FILE *file, char *line, int size) {
  if (!fgets(line, size, file)) *line = 0;
  line[strcspn(line, "\n")] = 0;
}

int main(int argc, char **argv) {
  const char *secret = getenv("SEAL");
  if (argc != 2 || !secret) {
    fprintf(stderr, "Usage: SEAL=secret reader DIR\n");
    return 2;
  }
  for (int number = 1;; number++) {
    char path[256], from[64], text[200], mark[16];
    snprintf(path, sizeof path, "%s/%d", argv[1], number);
    FILE *letter = wait_for(path);
    if (!letter) {
      fprintf(stderr, "Waited ten seconds for %s\n", path);
      return 1;
    }
    read_line(letter, from, sizeof from);
    read_line(letter, text, sizeof text);
    read_line(letter, mark, sizeof mark);
    fclose(letter);
    if (!*from) break;
    if (strtoul(mark, NULL, 16) != seal(secret, text)) {
      fprintf(stderr, "The seal of letter %d is broken\n", number);
      return 1;
    }
    printf("%s writes: %s\n", from, text);
    fflush(stdout);
  }
  printf("No more letters; every seal was whole.\n");
  return 0;
}
