// Connects to the address of its arguments by WasmEdge's functions, as Go's libraries for sockets
// do: without waiting, and with the connection in the hands of the runtime's poller.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"
)

type address struct {
	bytes  uint32
	length uint32
}

//go:wasmimport wasi_snapshot_preview1 sock_open
//go:noescape
func sockOpen(family, kind int32, fd unsafe.Pointer) syscall.Errno

//go:wasmimport wasi_snapshot_preview1 sock_connect
//go:noescape
func sockConnect(fd int32, to unsafe.Pointer, port uint32) syscall.Errno

//go:wasmimport wasi_snapshot_preview1 sock_getpeeraddr
//go:noescape
func sockGetPeerAddr(fd int32, out unsafe.Pointer, port unsafe.Pointer) syscall.Errno

//go:wasmimport wasi_snapshot_preview1 sock_getsockopt
//go:noescape
func sockGetSockOpt(fd int32, level, name uint32, value unsafe.Pointer, length uint32) syscall.Errno

func dial(ip net.IP, port int) (net.Conn, error) {
	var fd int32
	if errno := sockOpen(1, 2, unsafe.Pointer(&fd)); errno != 0 {
		return nil, errno
	}
	if err := syscall.SetNonblock(int(fd), true); err != nil {
		return nil, err
	}
	var bytes [4]byte
	copy(bytes[:], ip.To4())
	to := &address{uint32(uintptr(unsafe.Pointer(&bytes))), 4}
	errno := sockConnect(fd, unsafe.Pointer(to), uint32(port))
	runtime.KeepAlive(&bytes)
	if errno != 0 && errno != syscall.EINPROGRESS {
		return nil, errno
	}
	file := os.NewFile(uintptr(fd), "connection")
	defer file.Close()
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	var failed int32
	raw.Write(func(uintptr) bool {
		if sockGetSockOpt(fd, 0, 2, unsafe.Pointer(&failed), 4); failed != 0 {
			return true
		}
		var space [128]byte
		out := &address{uint32(uintptr(unsafe.Pointer(&space))), 128}
		var port uint32
		// Not yet, or it is there.
		return sockGetPeerAddr(fd, unsafe.Pointer(out), unsafe.Pointer(&port)) == 0
	})
	if failed != 0 {
		return nil, syscall.Errno(failed)
	}
	return net.FileConn(file)
}

func main() {
	port, _ := strconv.Atoi(os.Args[2])
	connection, err := dial(net.ParseIP(os.Args[1]), port)
	if err != nil {
		fmt.Println("dial:", err)
		os.Exit(1)
	}
	fmt.Fprint(connection, "hello")
	answer, err := io.ReadAll(connection)
	fmt.Printf("%s %v\n", answer, err)
}
