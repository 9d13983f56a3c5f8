// Recursion: the cost of calls. Prints how long it took after a first round, in milliseconds.
#include "measure.h"

static unsigned fib(unsigned n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

static void once(void) { keep(fib(opaque(38))); }

int main(void) { return measure(once); }
