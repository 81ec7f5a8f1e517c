package runs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// Reindexed is what came of [Service.Reindex], so far or in all.
type Reindexed struct {
	Folders int // of runs, found below the root
	Done    int // looked at so far
	Known   int // were in the store already
	Added   int // have been put into the store
	Open    int // of those added: have not ended, and go on
	Left    []LeftAlone
}

// LeftAlone is something below the root's runs folder that no run was made of.
type LeftAlone struct {
	URI    uris.URI
	Reason string // a sentence
}

// Reindex puts every run below the root that the store lacks into it, of all
// tenants: from its claim, the record of its end and its commit records. Runs
// come in the order in which they were created. It may be ended at any time
// and called again, while the runs are served; it changes nothing below the
// root, and what it does not understand it leaves alone and says so.
//
// progress is told now and then; nil: not.
func (s *Service) Reindex(ctx context.Context, progress func(Reindexed)) (Reindexed, error) {
	var r Reindexed
	tell := func() {
		if progress != nil {
			progress(r)
		}
	}
	lacking, err := s.lacking(ctx, &r, tell)
	if err != nil {
		return r, err
	}
	for batch := range slices.Chunk(lacking, togetherAtOnce) {
		found := make([]*folderRun, len(batch))
		left := make([]error, len(batch))
		if err := together(ctx, len(batch), func(ctx context.Context, i int) (err error) {
			found[i], err = s.readFolder(ctx, batch[i].id)
			left[i], err = toLeave(err)
			return err
		}); err != nil {
			return r, err
		}
		for i, f := range found {
			if left[i] == nil {
				err := s.adopt(ctx, f)
				if left[i], err = toLeave(err); err != nil {
					return r, err
				}
			}
			switch {
			case left[i] != nil:
				r.leave(s.layout.Run(string(batch[i].id)).URI, left[i])
			default:
				r.Added++
				if f.final == nil {
					r.Open++
				}
			}
			r.Done++
		}
		tell()
	}
	return r, nil
}

// created is a run by when it was.
type created struct {
	id ID
	at int64 // nanoseconds
}

// lacking lists the runs below the root that the store lacks, oldest first.
func (s *Service) lacking(ctx context.Context, r *Reindexed, tell func()) ([]created, error) {
	folder := s.layout.Root.Join("runs")
	var ids []ID
	for o, err := range s.blobs.List(ctx, folder, false) {
		if err != nil {
			return nil, fmt.Errorf("the runs below %s: %w", s.layout.Root, err)
		}
		id, err := ParseID(o.URI.Base())
		if err != nil || string(id) != o.URI.Base() || !o.IsFolder {
			r.leave(o.URI, errors.New("it is not the folder of a run"))
			continue
		}
		ids = append(ids, id)
	}
	r.Folders = len(ids)
	tell()
	var lacking []created
	for batch := range slices.Chunk(ids, togetherAtOnce) {
		claims := make([]claimOf, len(batch))
		known := make([]bool, len(batch))
		left := make([]error, len(batch))
		if err := together(ctx, len(batch), func(ctx context.Context, i int) (err error) {
			if known[i], err = s.store.Has(ctx, batch[i]); err != nil || known[i] {
				return err
			}
			claims[i], err = s.readClaim(ctx, batch[i])
			left[i], err = toLeave(err)
			return err
		}); err != nil {
			return nil, err
		}
		for i, id := range batch {
			switch {
			case known[i]:
				r.Known++
				r.Done++
			case left[i] != nil:
				r.leave(s.layout.Run(string(id)).URI, left[i])
				r.Done++
			default:
				lacking = append(lacking, created{id, claims[i].CreatedAt.UnixNano()})
			}
		}
	}
	slices.SortFunc(lacking, func(a, b created) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.id, b.id)) })
	return lacking, nil
}

// toLeave parts the errors that are for one folder alone from those that end
// it all.
func toLeave(err error) (one, all error) {
	var damaged *steps.Failure // a commit record
	switch {
	case errors.Is(err, problem.ErrNotFound):
		return errors.New("nobody has claimed it"), nil
	case errors.Is(err, errTorn):
		return errors.New("the call that claimed it was cut off before anybody was told of the run"), nil
	case errors.Is(err, problem.ErrRefused), errors.Is(err, problem.ErrConflict), errors.As(err, &damaged):
		return err, nil
	}
	return nil, err
}

func (r *Reindexed) leave(u uris.URI, why error) {
	r.Left = append(r.Left, LeftAlone{URI: u, Reason: sentence(why)})
}
