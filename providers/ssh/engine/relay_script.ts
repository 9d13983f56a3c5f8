/**
 * Prints which program of the host can copy between its streams and the socket `$1`; nothing if
 * none can. It must pass on the end of either side, and wait for the other: not every nc does, and
 * socat never does both. Docker's and Podman's own are slower to start.
 */
export const findRelayScript = `
has() { command -v "$1" >/dev/null 2>&1; }
has nc && case $(nc -h 2>&1) in *-N*-U*) echo nc; exit ;; esac
if has docker && docker system dial-stdio --help >/dev/null 2>&1; then
  case $(docker --version 2>/dev/null) in *[Pp]odman*) ;; *) echo docker; exit ;; esac
fi
has python3 && { echo python3; exit; }
case $1 in */docker.sock) exit ;; esac
has podman && podman system dial-stdio --help >/dev/null 2>&1 && echo podman
exit 0`;

/**
 * Copies between its streams and the socket `$1` with the program `$2`. The end of the input is
 * passed on, and what still comes is waited for.
 */
export const relayScript = `
case $2 in
docker) DOCKER_HOST=unix://$1 exec docker system dial-stdio ;;
podman) exec podman --url "unix://$1" system dial-stdio ;;
nc) exec nc -N -U "$1" ;;
python3) exec python3 -c '
import os, socket, sys, threading
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
def up():
    while True:
        data = os.read(0, 65536)
        if not data: break
        s.sendall(data)
    s.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while True:
    data = s.recv(65536)
    if not data: break
    while data: data = data[os.write(1, data):]
os._exit(0)
' "$1" ;;
esac`;
