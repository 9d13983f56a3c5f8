/* What the program needs of Linux, without a C library: calls return a negative errno on failure. */
#ifndef LINUX_H
#define LINUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
enum {
  NR_read = 0, NR_write = 1, NR_close = 3, NR_rt_sigaction = 13, NR_rt_sigprocmask = 14, NR_madvise = 28, NR_socket = 41, NR_connect = 42, NR_sendto = 44,
  NR_recvfrom = 45, NR_shutdown = 48, NR_bind = 49, NR_listen = 50, NR_setsockopt = 54, NR_clone = 56, NR_kill = 62, NR_capset = 126, NR_prctl = 157,
  NR_exit_group = 231, NR_epoll_ctl = 233, NR_epoll_pwait = 281, NR_accept4 = 288, NR_signalfd4 = 289, NR_epoll_create1 = 291,
};
#elif defined(__aarch64__) || (defined(__riscv) && __riscv_xlen == 64)
enum {
  NR_epoll_create1 = 20, NR_epoll_ctl = 21, NR_epoll_pwait = 22, NR_close = 57, NR_read = 63, NR_write = 64, NR_signalfd4 = 74, NR_capset = 91,
  NR_exit_group = 94, NR_kill = 129, NR_rt_sigaction = 134, NR_rt_sigprocmask = 135, NR_prctl = 167, NR_socket = 198, NR_bind = 200, NR_listen = 201,
  NR_connect = 203, NR_sendto = 206, NR_recvfrom = 207, NR_setsockopt = 208, NR_shutdown = 210, NR_clone = 220, NR_madvise = 233, NR_accept4 = 242,
};
#elif defined(__arm__) && defined(__ARM_EABI__)
enum {
  NR_read = 3, NR_write = 4, NR_close = 6, NR_kill = 37, NR_clone = 120, NR_prctl = 172, NR_rt_sigaction = 174, NR_rt_sigprocmask = 175, NR_capset = 185,
  NR_madvise = 220, NR_exit_group = 248, NR_epoll_ctl = 251, NR_socket = 281, NR_bind = 282, NR_connect = 283, NR_listen = 284, NR_sendto = 290,
  NR_recvfrom = 292, NR_shutdown = 293, NR_setsockopt = 294, NR_epoll_pwait = 346, NR_signalfd4 = 355, NR_epoll_create1 = 357, NR_accept4 = 366,
};
#else
#error "Unknown architecture"
#endif

static inline long call6(long number, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
  register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
  long result = number;
  __asm__ volatile("syscall" : "+a"(result) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c, x3 __asm__("x3") = d, x4 __asm__("x4") = e,
                x5 __asm__("x5") = f;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
#elif defined(__arm__)
  register long r7 __asm__("r7") = number, r0 __asm__("r0") = a, r1 __asm__("r1") = b, r2 __asm__("r2") = c, r3 __asm__("r3") = d, r4 __asm__("r4") = e,
                r5 __asm__("r5") = f;
  __asm__ volatile("svc #0" : "+r"(r0) : "r"(r7), "r"(r1), "r"(r2), "r"(r3), "r"(r4), "r"(r5) : "memory");
  return r0;
#else
  register long a7 __asm__("a7") = number, a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c, a3 __asm__("a3") = d, a4 __asm__("a4") = e,
                a5 __asm__("a5") = f;
  __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5) : "memory");
  return a0;
#endif
}

#define CALL(name, a, b, c, d, e, f) call6(NR_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

enum {
  E_PERM = 1, E_NOENT = 2, E_INTR = 4, E_AGAIN = 11, E_NOMEM = 12, E_ACCES = 13, E_EXIST = 17, E_NFILE = 23, E_MFILE = 24, E_PROTONOSUPPORT = 93, E_OPNOTSUPP = 95,
  E_AFNOSUPPORT = 97, E_ADDRINUSE = 98, E_NOBUFS = 105, E_CONNREFUSED = 111,
};

enum { SIG_INT = 2, SIG_KILL = 9, SIG_PIPE = 13, SIG_TERM = 15, SIG_CHLD = 17 };
enum { PR_SET_PDEATHSIG = 1 };
enum { MADV_DONTNEED = 4 };

enum { AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10, AF_NETLINK = 16 };
enum { SOCK_STREAM = 1, SOCK_RAW = 3, SOCK_NONBLOCK = 04000, SOCK_CLOEXEC = 02000000 };
enum { SHUT_WR = 1 };
enum { SOL_SOCKET = 1, SO_REUSEADDR = 2, SO_REUSEPORT = 15, SO_BINDTODEVICE = 25 };
enum { IPPROTO_TCP = 6, TCP_NODELAY = 1 };

enum { EPOLLIN = 1, EPOLLOUT = 4, EPOLLERR = 8, EPOLLHUP = 16, EPOLLRDHUP = 0x2000 };
#define EPOLLET (1u << 31)
enum { EPOLL_CTL_ADD = 1 };

struct epoll_event {
  uint32_t events;
  uint64_t data;
}
#if defined(__x86_64__)
__attribute__((packed))
#endif
;

union socket_address {
  uint16_t family;
  struct { uint16_t family; uint8_t port[2]; uint8_t ip[4]; uint8_t zero[8]; } v4;
  struct { uint16_t family; uint8_t port[2]; uint32_t flow; uint8_t ip[16]; uint32_t scope; } v6;
  struct { uint16_t family; char path[108]; } local;
};

static inline long close_fd(int fd) { return CALL(close, fd, 0, 0, 0, 0, 0); }
static inline long read_fd(int fd, void *bytes, size_t size) { return CALL(read, fd, bytes, size, 0, 0, 0); }
static inline long write_fd(int fd, const void *bytes, size_t size) { return CALL(write, fd, bytes, size, 0, 0, 0); }
static inline long open_socket(int family, int type) { return CALL(socket, family, type | SOCK_CLOEXEC, 0, 0, 0, 0); }
static inline long set_option(int fd, int level, int name, const void *value, size_t size) { return CALL(setsockopt, fd, level, name, value, size, 0); }

static inline void set_flag(int fd, int level, int name) {
  int on = 1;
  set_option(fd, level, name, &on, sizeof on);
}

/* Ignores a signal: what follows the handler is zero on every architecture. */
static inline void ignore_signal(int number) {
  long action[8] = {1};
  CALL(rt_sigaction, number, action, 0, 8, 0, 0);
}

_Noreturn static inline void leave(int code) {
  for (;;) CALL(exit_group, code, 0, 0, 0, 0, 0);
}

#endif
