// What the programs of the benchmark have in common.
#include <stdio.h>
#include <time.h>

static volatile unsigned kept;

// Keeps a result, so that what made it is not left out.
static void keep(unsigned value) { kept += value; }

// A number that the compiler does not know.
static unsigned opaque(unsigned value) {
  volatile unsigned hidden = value;
  return hidden;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

// Two rounds to get warm, and the fastest of five.
static int measure(void (*once)(void)) {
  double best = 0;
  for (int round = 0; round < 7; round++) {
    double begun = now();
    once();
    double taken = now() - begun;
    if (round >= 2 && (best == 0 || taken < best)) best = taken;
  }
  printf("%.1f\n", best);
  return 0;
}
