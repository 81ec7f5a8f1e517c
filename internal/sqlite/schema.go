package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/mattn/go-sqlite3"

	"github.com/ligase-bio/ligase/internal/problem"
)

// The migrations are applied in order of name; the n-th brings the schema to
// version n. One that has been released is never changed.
//
//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks the file as ligase's: "liga".
const applicationID = 0x6c696761

// prepare makes the file ready for writing: ligase's, in WAL mode, with the
// schema of this program.
func prepare(ctx context.Context, conn *sql.Conn, path string, busy time.Duration) error {
	if err := checkOwner(ctx, conn, path); err != nil {
		return err
	}
	// Going over to WAL needs the file alone and does not wait for it by
	// itself; two processes may open a new file at the same moment.
	if err := retryBusy(busy, func() error {
		var mode string
		if err := conn.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
			return err
		}
		if mode != "wal" {
			return fmt.Errorf("%s is on a file system that cannot hold a write-ahead log (journal mode %q): move the data folder to a local disk", path, mode)
		}
		return nil
	}); err != nil {
		return err
	}
	// The driver's own default in WAL mode does not flush at commit.
	if _, err := conn.ExecContext(ctx, "PRAGMA synchronous = FULL"); err != nil {
		return err
	}
	return migrate(ctx, conn, path)
}

// checkOwner refuses another program's database before anything is changed in
// it. A new, empty file is nobody's.
func checkOwner(ctx context.Context, conn *sql.Conn, path string) error {
	// In this order: a process that makes the file ready at this moment sets
	// the mark in the transaction that makes the first table.
	var id, objects int
	if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&objects); err != nil {
		return err
	}
	if err := conn.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return err
	}
	if id == applicationID {
		return nil
	}
	if id != 0 || objects != 0 {
		return fmt.Errorf("%s is another program's database: %w. Use another data folder, or move that file away", path, problem.ErrRefused)
	}
	return nil
}

// checkSchema is what can be asked of a file that cannot be written.
func checkSchema(ctx context.Context, conn *sql.Conn, path string) error {
	if err := checkOwner(ctx, conn, path); err != nil {
		return err
	}
	files, err := migrationFiles()
	if err != nil {
		return err
	}
	have, err := schemaVersion(ctx, conn)
	if err != nil {
		return err
	}
	if have < len(files) {
		return fmt.Errorf("%s has schema %d, needs to be brought to %d, and cannot be written: %w. Make the data folder writable once", path, have, len(files), problem.ErrUnavailable)
	}
	return checkVersion(have, len(files), path)
}

func checkVersion(have, known int, path string) error {
	if have > known {
		return fmt.Errorf("%s has schema %d and this program knows schemas up to %d: %w, because a newer ligase has written it. Install that version or a later one, or use another data folder", path, have, known, problem.ErrRefused)
	}
	return nil
}

func schemaVersion(ctx context.Context, conn *sql.Conn) (int, error) {
	var v int
	err := conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&v)
	return v, err
}

func migrationFiles() ([]string, error) { return fs.Glob(migrations, "migrations/*.sql") }

// migrate applies what is missing, each step in a transaction of its own.
func migrate(ctx context.Context, conn *sql.Conn, path string) error {
	files, err := migrationFiles()
	if err != nil {
		return err
	}
	have, err := schemaVersion(ctx, conn)
	if err != nil {
		return err
	}
	if err := checkVersion(have, len(files), path); err != nil {
		return err
	}
	for have < len(files) {
		if have, err = migrateOnce(ctx, conn, path, files); err != nil {
			return err
		}
	}
	return nil
}

// migrateOnce applies the next migration. The version is read again inside of
// the transaction: another process may have been first.
func migrateOnce(ctx context.Context, conn *sql.Conn, path string, files []string) (version int, err error) {
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			_, _ = conn.ExecContext(ctx, "ROLLBACK")
		}
	}()
	version, err = schemaVersion(ctx, conn)
	if err != nil {
		return 0, err
	}
	if version < 0 {
		return 0, fmt.Errorf("%s has the schema version %d, which no ligase has written: %w. Restore a copy, or use another data folder", path, version, problem.ErrRefused)
	}
	if version < len(files) {
		script, err := migrations.ReadFile(files[version])
		if err != nil {
			return 0, err
		}
		version++
		if _, err := conn.ExecContext(ctx, string(script)+
			fmt.Sprintf("; PRAGMA user_version = %d; PRAGMA application_id = %d;", version, applicationID)); err != nil {
			return 0, fmt.Errorf("bringing %s to schema %d: %w", path, version, err)
		}
	}
	if err := checkVersion(version, len(files), path); err != nil {
		return 0, err
	}
	_, err = conn.ExecContext(ctx, "COMMIT")
	return version, err
}

// retryBusy repeats f while another process holds the file.
func retryBusy(patience time.Duration, f func() error) error {
	for wait, waited := time.Millisecond, time.Duration(0); ; wait *= 2 {
		err := f()
		var e sqlite3.Error
		if !errors.As(err, &e) || (e.Code != sqlite3.ErrBusy && e.Code != sqlite3.ErrLocked) || waited >= patience {
			return err
		}
		time.Sleep(wait)
		waited += wait
	}
}
