//go:build !linux

package main

import (
	"errors"
	"os"
	"runtime"
	"syscall"
)

// Elsewhere than on Linux the figures are taken and less is said of where.

func cpuModel() string             { return runtime.GOARCH }
func memoryTotal() int64           { return 0 }
func kernel() string               { return runtime.GOOS }
func loadAverage() string          { return "unknown" }
func filesystemOf(string) string   { return "unknown" }
func inMemory(string) bool         { return false }
func flushData(f *os.File) error   { return f.Sync() }
func resident() (int64, error)     { return 0, errUnknown }
func residentPeak() (int64, error) { return 0, errUnknown }
func forgetCached(string) error    { return nil }
func forgetPeak() error            { return errUnknown }

const memoryIsRead = false

var errUnknown = errors.New("resident memory is read on Linux only")

func dyingWithUs() *syscall.SysProcAttr { return nil }

func peakMemory() int64 { return 0 }
