package pod

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// authorities is the name under which install leaves the certificates of
// authorities beside the program.
const authorities = "ca-certificates.crt"

// systemAuthorities are where distributions keep them: where Go's crypto/x509
// looks.
var systemAuthorities = []string{
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/pki/tls/cacert.pem",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/ssl/cert.pem",
}

// install copies this program to a path, which is how an init container brings
// it into a pod whose image knows nothing of it, and the certificates of its
// own image beside it: the smallest images have none.
func (p Program) install(path string) int {
	self, err := os.Executable()
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = copyFile(self, path, 0o755)
	}
	if file := firstThere(systemAuthorities); err == nil && file != "" {
		err = copyFile(file, filepath.Join(filepath.Dir(path), authorities), 0o644)
	}
	if err != nil {
		p.say("It could not be installed: %v.", err)
		return exitInternal
	}
	return 0
}

// trustInstalled has this process trust the installed certificates where the
// image has none of its own.
func trustInstalled(home string) {
	installed := filepath.Join(home, "bin", authorities)
	if os.Getenv("SSL_CERT_FILE") != "" || os.Getenv("SSL_CERT_DIR") != "" || firstThere(systemAuthorities) != "" || firstThere([]string{installed}) == "" {
		return
	}
	os.Setenv("SSL_CERT_FILE", installed)
}

func firstThere(paths []string) string {
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

// copyFile copies a file so that it appears whole.
func copyFile(from, to string, mode os.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.CreateTemp(filepath.Dir(to), ".install-*")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name()) // there is none any more when all went well
	_, err = io.Copy(out, in)
	if e := out.Chmod(mode); err == nil {
		err = e
	}
	if e := out.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("copying to %s: %w", to, err)
	}
	return os.Rename(out.Name(), to)
}
