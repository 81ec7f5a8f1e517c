package uris

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/ligase-bio/ligase/internal/problem"
	"gocloud.dev/gcerrors"
)

// ErrDigest says that an object's bytes are not those that were expected: its
// size or its SHA-256 differs from what was recorded when it was made.
var ErrDigest = errors.New("the content is not what was recorded")

// errClosed is what a closed store answers.
var errClosed = errors.New("the store is closed")

// ofFile gives an error of the operating system its class. u is the object
// that it was about. It returns nil for nil.
func ofFile(u URI, err error) error {
	if err == nil {
		return nil
	}
	var errno syscall.Errno
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, problem.ErrNotFound), errors.Is(err, problem.ErrExists), errors.Is(err, problem.ErrRefused),
		errors.Is(err, problem.ErrUnavailable), errors.Is(err, ErrDigest):
		return err // it has one
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w", u, problem.ErrNotFound)
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s: %w", u, problem.ErrExists)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: %w: this program may not use it, change its permissions (%w)", u, problem.ErrRefused, err)
	case errors.Is(err, fs.ErrClosed):
		return errClosed
	case !errors.As(err, &errno) && aboutPath(err):
		// An os.Root answers with an error of its own, and not with one of
		// the system's, exactly when a path would lead out of it.
		return fmt.Errorf("%s: %w: a symbolic link leads out of the folder that this installation may use; put a copy there instead (%w)", u, problem.ErrRefused, err)
	}
	switch errno {
	case syscall.ENOTDIR:
		return fmt.Errorf("%s: %w: a part of its path is a file", u, problem.ErrNotFound)
	case syscall.EISDIR:
		return fmt.Errorf("%s: %w: it is a folder; name an object in it", u, problem.ErrRefused)
	case syscall.ELOOP, syscall.ENAMETOOLONG, syscall.ENXIO:
		return fmt.Errorf("%s: %w (%w)", u, problem.ErrRefused, err)
	case syscall.ENOSPC, syscall.EDQUOT:
		return fmt.Errorf("%s: %w: the disk is full or a quota is used up; free some space (%w)", u, problem.ErrUnavailable, err)
	case syscall.EROFS:
		return fmt.Errorf("%s: %w: the file system is read-only (%w)", u, problem.ErrUnavailable, err)
	case syscall.EMFILE, syscall.ENFILE:
		return fmt.Errorf("%s: %w: too many files are open (%w)", u, problem.ErrUnavailable, err)
	case syscall.EIO, syscall.ESTALE, syscall.EAGAIN, syscall.EINTR, syscall.ETIMEDOUT, syscall.ENOMEM, syscall.EBUSY:
		return fmt.Errorf("%s: %w (%w)", u, problem.ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", u, err)
}

// aboutPath reports whether a call on a path failed.
func aboutPath(err error) bool {
	var pathErr *fs.PathError
	var linkErr *os.LinkError
	return errors.As(err, &pathErr) || errors.As(err, &linkErr)
}

// ofBucket gives an error of a bucket its class. creating says that the call
// was one that may only create.
func ofBucket(u URI, err error, creating bool) error {
	switch code := gcerrors.Code(err); {
	case err == nil:
		return nil
	case code == gcerrors.NotFound:
		return fmt.Errorf("%s: %w", u, problem.ErrNotFound)
	case creating && (code == gcerrors.FailedPrecondition || code == gcerrors.AlreadyExists):
		return fmt.Errorf("%s: %w", u, problem.ErrExists)
	case code == gcerrors.PermissionDenied:
		return fmt.Errorf("%s: %w: the installation's credentials do not allow it (%w)", u, problem.ErrRefused, err)
	case code == gcerrors.InvalidArgument, code == gcerrors.Unimplemented, code == gcerrors.FailedPrecondition:
		return fmt.Errorf("%s: %w", u, err)
	}
	return fmt.Errorf("%s: %w (%w)", u, problem.ErrUnavailable, err)
}
