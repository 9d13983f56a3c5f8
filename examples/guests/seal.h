// A toy signature (FNV-1a over the secret and the text): enough to show a Secret at work.
#include <stdint.h>

static uint32_t seal(const char *secret, const char *text) {
  uint32_t hash = 2166136261u;
  for (const char *c = secret; *c; c++) hash = (hash ^ (unsigned char)*c) * 16777619u;
  for (const char *c = text; *c; c++) hash = (hash ^ (unsigned char)*c) * 16777619u;
  return hash;
}
