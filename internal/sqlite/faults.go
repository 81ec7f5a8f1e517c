package sqlite

import (
	"errors"
	"fmt"

	"github.com/mattn/go-sqlite3"

	"github.com/ligase-bio/ligase/internal/problem"
)

// fault says in a sentence what is wrong with the file. Passing faults wrap
// problem.ErrUnavailable: the same call can succeed once the cause is gone.
func fault(path string, err error) error {
	var e sqlite3.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code {
	case sqlite3.ErrFull:
		return fmt.Errorf("the disk that holds %s is full: %w. Free some space and try again; reading goes on", path, problem.ErrUnavailable)
	case sqlite3.ErrReadonly:
		return fmt.Errorf("%s cannot be written (%v): %w. Make the file and its folder writable and try again; reading goes on", path, e, problem.ErrUnavailable)
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return fmt.Errorf("another process keeps writing to %s: %w. Try again", path, problem.ErrUnavailable)
	case sqlite3.ErrIoErr:
		return fmt.Errorf("reading or writing %s failed (%v): %w. Look at the disk and try again", path, e, problem.ErrUnavailable)
	case sqlite3.ErrCantOpen, sqlite3.ErrPerm, sqlite3.ErrAuth:
		return fmt.Errorf("%s cannot be opened (%v): %w. Make sure that its folder exists and can be written", path, e, problem.ErrUnavailable)
	case sqlite3.ErrNotADB:
		return damage{fmt.Errorf("%s is not a database: %w. `ligase reindex` sets it aside and makes a new one of what runs have left in their folders", path, problem.ErrRefused)}
	case sqlite3.ErrCorrupt:
		return damage{fmt.Errorf("%s is damaged (%v): %w. `ligase reindex` sets it aside and makes a new one of what runs have left in their folders, which is not touched", path, err, problem.ErrUnavailable)}
	}
	return fmt.Errorf("%s: %w", path, err)
}

// cannotWrite reports whether the file may still be fit for reading.
func cannotWrite(err error) bool {
	var e sqlite3.Error
	return errors.As(err, &e) &&
		(e.Code == sqlite3.ErrReadonly || e.Code == sqlite3.ErrCantOpen || e.Code == sqlite3.ErrPerm || e.Code == sqlite3.ErrFull)
}
