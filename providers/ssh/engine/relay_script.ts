/**
 * Prints which program of the host can copy between its streams and the socket `$1`; nothing if
 * none can. Not every nc passes the end of its input on; Podman's asks for a Podman at the socket.
 */
export const findRelayScript = `
has() { command -v "$1" >/dev/null 2>&1; }
case $1 in *[!A-Za-z0-9/._-]*) ;; *) has socat && { echo socat; exit; } ;; esac
has docker && docker system dial-stdio --help >/dev/null 2>&1 && { echo docker; exit; }
has python3 && { echo python3; exit; }
has nc && case $(nc -h 2>&1) in *-N*-U*) echo nc; exit ;; esac
case $1 in */docker.sock) exit ;; esac
has podman && podman system dial-stdio --help >/dev/null 2>&1 && echo podman
exit 0`;

/**
 * Copies between its streams and the socket `$1` with the program `$2`. The end of the input is
 * passed on, and what still comes is waited for.
 */
export const relayScript = `
case $2 in
socat) exec socat -t 86400 - "UNIX-CONNECT:$1" ;;
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
