package sqlite

import (
	"context"

	"github.com/ligase-bio/ligase/uris"
)

// Exec runs a statement on the writing connection, between transactions' ends.
func (s *Store) Exec(ctx context.Context, query string) error {
	return s.write(ctx, false, func(t *tx) error { return t.exec(query) })
}

func Sortable(ix uris.Index) string { return sortable(ix) }
func IndexOf(s string) uris.Index   { return indexOf(s) }
