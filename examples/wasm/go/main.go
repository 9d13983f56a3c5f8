// An HTTP server on the socket that the node hands to a module for each port of its container:
// as files from descriptor 3 on, counted by LISTEN_FDS, as by systemd.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
)

func main() {
	listener, err := net.FileListener(os.NewFile(3, "http"))
	if err != nil {
		log.Fatal(err)
	}
	log.Print("ready")
	log.Fatal(http.Serve(listener, http.HandlerFunc(hello)))
}

func hello(w http.ResponseWriter, r *http.Request) {
	log.Print(r.Method, " ", r.URL.Path)
	fmt.Fprintf(w, "Hello from Go in %s\n", os.Getenv("POD_NAME"))
}
