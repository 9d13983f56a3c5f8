// A command that reads one volume and writes to another: counts the words of every file.
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long count_words(const char *path) {
  FILE *file = fopen(path, "r");
  if (!file) return perror(path), -1;
  long words = 0;
  for (int c, inside = 0; (c = getc(file)) != EOF; inside = !isspace(c))
    if (!inside && !isspace(c)) words++;
  fclose(file);
  return words;
}

int main(int argc, char **argv) {
  if (argc != 3) return fprintf(stderr, "usage: %s FROM TO\n", argv[0]), 2;
  DIR *from = opendir(argv[1]);
  FILE *to = fopen(argv[2], "w");
  if (!from) return perror(argv[1]), 1;
  if (!to) return perror(argv[2]), 1;
  for (struct dirent *entry; (entry = readdir(from));) {
    // A ConfigMap's files are links; its own bookkeeping begins with dots.
    if (entry->d_name[0] == '.') continue;
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
    long words = count_words(path);
    if (words < 0) return 1;
    printf("%s: %ld words\n", entry->d_name, words);
    fprintf(to, "%s\t%ld\n", entry->d_name, words);
  }
  closedir(from);
  return fclose(to) ? (perror(argv[2]), 1) : 0;
}
