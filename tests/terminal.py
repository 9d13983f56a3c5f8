"""Runs a program in a terminal of its own, as a person at it would.

argv: the steps as JSON, then the program and its arguments. A step is ["wait", TEXT],
["type", TEXT], ["resize", COLUMNS, ROWS] or ["kill", SIGNAL]. Prints JSON: what came on the
screen, the exit code, the terminal's output flags while the first text was waited for, and whether
its attributes were as before in the end.
"""
import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

steps, program = json.loads(sys.argv[1]), sys.argv[2:]
deadline = time.monotonic() + 30


def resize(columns, rows):
    size = struct.pack("HHHH", rows, columns, 0, 0)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)


def receive():
    global screen
    ready, _, _ = select.select([terminal], [], [], 0.1)
    if not ready:
        return True
    try:
        chunk = os.read(terminal, 65536)
    except OSError:  # nobody has the terminal any more
        return False
    screen += chunk
    return chunk != b""


# Held open here as well, so that its attributes outlive the program.
terminal, inner = pty.openpty()
resize(80, 24)
before = termios.tcgetattr(terminal)
child = os.fork()
if child == 0:
    os.login_tty(inner) if hasattr(os, "login_tty") else (
        os.setsid(),
        fcntl.ioctl(inner, termios.TIOCSCTTY, 0),
        [os.dup2(inner, fd) for fd in range(3)],
    )
    os.execvp(program[0], program)

screen, searched, flags = b"", 0, None
for step, *args in steps:
    if step == "wait":
        text = args[0].encode()
        while text not in screen[searched:]:
            if time.monotonic() > deadline or os.waitpid(child, os.WNOHANG) != (0, 0):
                sys.exit(f"never saw {args[0]!r} in {screen!r}")
            receive()
        searched = screen.index(text, searched) + len(text)
        flags = flags or termios.tcgetattr(terminal)[1]
    elif step == "type":
        os.write(terminal, args[0].encode())
    elif step == "resize":
        resize(*args)
    elif step == "kill":
        os.kill(child, getattr(signal, args[0]))
while True:
    pid, status = os.waitpid(child, os.WNOHANG)
    if pid != 0:
        break
    if time.monotonic() > deadline:
        os.kill(child, signal.SIGKILL)
    receive()
while select.select([terminal], [], [], 0.1)[0]:
    receive()
print(json.dumps({
    "screen": screen.decode(),
    "code": os.waitstatus_to_exitcode(status),
    "translated": bool(flags and flags & termios.OPOST),
    "restored": termios.tcgetattr(terminal) == before,
}))
