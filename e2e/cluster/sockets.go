package main

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// deaf says whether nobody listens at a socket any more, whoever did.
func deaf(socket string) bool {
	c, err := net.DialTimeout("unix", socket, time.Second)
	if err == nil {
		c.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}
