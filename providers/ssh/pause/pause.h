#ifndef PAUSE_H
#define PAUSE_H

#include "linux.h"

/* Exit codes, as sysexits.h has them. */
enum { FAILED = 1, WRONG_USAGE = 64, NOT_PERMITTED = 77 };

/* Where the relay answers. */
struct endpoint {
  int family;
  uint8_t ip[16];
  uint16_t port;
};

/* Whether `text` is `IP:PORT` or `[IP]:PORT`. */
bool parse_endpoint(const char *text, struct endpoint *endpoint);
/* 0 for what is no port. */
uint16_t parse_port(const char *text);
bool is_loopback(const struct endpoint *endpoint);
size_t fill_address(const struct endpoint *endpoint, union socket_address *address);

/* Gives the address to this network's `lo`; 0, or a negative errno. */
long add_to_loopback(const struct endpoint *endpoint);
/* Lets what is sent to the endpoint arrive at another of its ports, so that it stays free for others. */
long redirect_port(const struct endpoint *endpoint, uint16_t port);

/* Opens the endpoint; a descriptor, or the end of the process. */
int open_endpoint(const struct endpoint *endpoint, const char *name);
/* Keeps the signals to end until somebody waits for them: the first process of a pod would miss them. */
void hold_signals(void);
/* Waits for a signal to end; relays between `listener`, unless it is -1, and `socket` meanwhile. */
_Noreturn void serve(int listener, const union socket_address *socket);
/* Copies between standard input and output and a local port. */
_Noreturn void connect_port(const char *port);

void *memset(void *bytes, int value, size_t size);
void *memcpy(void *restrict to, const void *restrict from, size_t size);

/* Says something on standard error, and ends. */
#define fail(code, ...) fail_with(code, (const char *const[]){__VA_ARGS__, NULL})
_Noreturn void fail_with(int code, const char *const *words);
/* Says something on standard error. */
#define say(...) say_words((const char *const[]){__VA_ARGS__, NULL})
void say_words(const char *const *words);
/* Why a call failed, in words. */
const char *reason(long error);

#endif
