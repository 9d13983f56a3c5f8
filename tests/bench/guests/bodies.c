// Five bodies that attract each other, in two and a half million steps: floating-point arithmetic.
#include <math.h>
#include <string.h>
#include "measure.h"

typedef struct {
  double at[3], speed[3], mass;
} Body;

static const Body begin[5] = {
    {{0, 0, 0}, {0, 0, 0}, 39.478},
    {{4.841, -1.160, -0.103}, {0.606, 2.811, -0.025}, 0.0377},
    {{8.343, 4.125, -0.403}, {-1.010, 1.825, 0.008}, 0.0113},
    {{12.894, -15.111, -0.223}, {1.082, 0.868, -0.010}, 0.0017},
    {{15.379, -25.919, 0.179}, {0.979, 0.594, -0.034}, 0.0020},
};

static void step(Body bodies[5], double time) {
  for (int i = 0; i < 5; i++) {
    for (int j = i + 1; j < 5; j++) {
      double apart[3], square = 0;
      for (int axis = 0; axis < 3; axis++) {
        apart[axis] = bodies[i].at[axis] - bodies[j].at[axis];
        square += apart[axis] * apart[axis];
      }
      double pull = time / (square * sqrt(square));
      for (int axis = 0; axis < 3; axis++) {
        bodies[i].speed[axis] -= apart[axis] * bodies[j].mass * pull;
        bodies[j].speed[axis] += apart[axis] * bodies[i].mass * pull;
      }
    }
  }
  for (int i = 0; i < 5; i++)
    for (int axis = 0; axis < 3; axis++) bodies[i].at[axis] += time * bodies[i].speed[axis];
}

static void once(void) {
  Body bodies[5];
  memcpy(bodies, begin, sizeof bodies);
  unsigned steps = opaque(2500000);
  for (unsigned i = 0; i < steps; i++) step(bodies, 0.01);
  keep((unsigned)(bodies[0].at[0] * 1e6));
}

int main(void) { return measure(once); }
