/*
 * The process that holds a pod's sandbox on its host: it needs nothing beside it, not even a C library.
 *
 *   pause                          waits for SIGTERM or SIGINT and reaps every orphan of the pod
 *   pause relay IP:PORT SOCKET     the same, and relays connections to IP:PORT to a unix socket
 *   pause connect PORT             copies between standard input and output and a port of the pod
 */
#include "pause.h"

static bool equal(const char *a, const char *b) {
  while (*a != 0 && *a == *b) a++, b++;
  return *a == *b;
}

_Noreturn static void relay(const char *where, const char *path) {
  struct endpoint endpoint;
  union socket_address socket = {.local = {.family = AF_UNIX}};
  size_t length = 0;
  if (!parse_endpoint(where, &endpoint)) fail(WRONG_USAGE, "Cannot relay \"", where, "\": it is not IP:PORT");
  while (path[length] != 0) length++;
  if (length == 0 || length >= sizeof socket.local.path) fail(WRONG_USAGE, "Cannot relay to \"", path, "\": a socket's path has 1 to 107 bytes");
  for (size_t at = 0; at < length; at++) socket.local.path[at] = path[at];
  hold_signals();
  serve(open_endpoint(&endpoint, where), &socket);
}

/* `stack` is what the kernel left: the count of arguments, the arguments, a null. */
__attribute__((used)) _Noreturn void start(const long *stack) {
  long count = stack[0];
  const char *const *arguments = (const char *const *)(stack + 1);
  ignore_signal(SIG_PIPE);
  if (count <= 1) {
    hold_signals();
    serve(-1, NULL);
  }
  if (count == 4 && equal(arguments[1], "relay")) relay(arguments[2], arguments[3]);
  if (count == 3 && equal(arguments[1], "connect")) connect_port(arguments[2]);
  fail(WRONG_USAGE, "Usage: pause [relay IP:PORT SOCKET | connect PORT]");
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start: xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call start");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start: mov x29, #0\n mov x30, #0\n mov x0, sp\n and sp, x0, #-16\n bl start");
#elif defined(__arm__)
__asm__(".globl _start\n_start: mov fp, #0\n mov lr, #0\n mov r0, sp\n bic sp, sp, #7\n bl start");
#else
__asm__(".globl _start\n_start: mv a0, sp\n andi sp, sp, -16\n call start");
#endif

void say_words(const char *const *words) {
  char line[512];
  size_t length = 0;
  for (; *words != NULL; words++) {
    for (const char *at = *words; *at != 0 && length < sizeof line - 1; at++) line[length++] = *at;
  }
  line[length++] = '\n';
  write_fd(2, line, length);
}

_Noreturn void fail_with(int code, const char *const *words) {
  say_words(words);
  leave(code);
}

const char *reason(long error) {
  static char number[] = "error 000";
  switch (-error) {
    case E_PERM: case E_ACCES: return "not permitted";
    case E_NOENT: return "not found";
    case E_ADDRINUSE: return "address in use";
    case E_CONNREFUSED: return "connection refused";
    case E_PROTONOSUPPORT: case E_OPNOTSUPP: case E_AFNOSUPPORT: return "not supported";
  }
  /* By subtraction: dividing would take a library on ARM. */
  long rest = -error;
  for (int place = 0, weight = 100; place < 3; place++, weight = weight == 100 ? 10 : 1) {
    char *digit = &number[sizeof number - 4 + place];
    for (*digit = '0'; rest >= weight && *digit < '9'; rest -= weight) ++*digit;
  }
  return number;
}

/* The compiler calls these by itself. */
void *memset(void *bytes, int value, size_t size) {
  unsigned char *to = bytes;
  while (size-- > 0) *to++ = (unsigned char)value;
  return bytes;
}

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
  unsigned char *out = to;
  const unsigned char *in = from;
  while (size-- > 0) *out++ = *in++;
  return to;
}
