package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mattn/go-sqlite3"
)

// ErrDamaged is of a file that can no longer be read as the database that it
// was: it is to be set aside and made anew (see [Check], [SetAside]).
var ErrDamaged = errors.New("damaged")

// damage is an error about a damaged file.
type damage struct{ error }

func (d damage) Unwrap() error        { return d.error }
func (d damage) Is(target error) bool { return target == ErrDamaged }

// Check reads through the whole file and returns an error that is ErrDamaged
// if it does not hold together. A file that is not there is sound, and so is
// one that Open would refuse for another reason.
func Check(ctx context.Context, path string) error {
	if _, err := os.Stat(path); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	}
	db := sql.OpenDB(connector{dsn: dsn(path, "rw", 5*time.Second, readerCacheKiB)})
	defer db.Close()
	rows, err := db.QueryContext(ctx, "PRAGMA quick_check(3)")
	var found []string
	if err == nil {
		found, err = all(rows, func(s scanner) (line string, err error) {
			err = s.Scan(&line)
			return line, err
		})
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fault(path, err)
	}
	if len(found) == 1 && found[0] == "ok" {
		return nil
	}
	return fault(path, fmt.Errorf("%w: %q", sqlite3.Error{Code: sqlite3.ErrCorrupt}, found))
}

// SetAside gives the file another name beside its own, and so the files that
// belong to it, and returns the new name. Nothing is deleted. Nobody may have
// it open.
func SetAside(path string, now time.Time) (string, error) {
	aside := path + ".damaged-" + now.UTC().Format("20060102T150405Z")
	for n, name := 2, aside; exists(aside); n++ {
		aside = fmt.Sprintf("%s-%d", name, n)
	}
	// The database last: while it is there, a second call still finds all.
	for _, suffix := range []string{"-wal", "-shm", ""} {
		err := os.Rename(path+suffix, aside+suffix)
		if err != nil && (suffix == "" || !errors.Is(err, os.ErrNotExist)) {
			return "", fmt.Errorf("setting the damaged database aside: %w", err)
		}
	}
	return aside, nil
}
