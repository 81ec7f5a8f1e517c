package local

import "os"

// machineMemory is the main memory in bytes; 0 when it cannot be told.
func machineMemory() int64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	return parseMeminfo(text)
}
