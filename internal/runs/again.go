package runs

import (
	"context"

	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/uris"
)

// again answers a call whose request id a run has: with that run when it is
// the same call. What a call is follows from what its caller gave: an input
// that was given by its URI then is the same input now, whatever lies there
// and whether it can still be read, and so it is not looked at. Values that
// the call brings are compared by their content.
func (s *Service) again(ctx context.Context, req SubmitRequest, known Run) (Submission, error) {
	earlier, err := s.store.Plan(ctx, known.ID)
	if err != nil {
		return Submission{}, err
	}
	b, err := s.bind(ctx, &req, before(earlier, s.layout.Run(string(known.ID))))
	if err != nil {
		return Submission{}, err
	}
	if digest := b.plan.Digest(); digest != known.Digest {
		return Submission{}, RequestConflict(req.RequestID, known.ID, known.Digest, digest, difference(earlier, b.plan))
	}
	return Submission{Run: shown(known)}, nil
}

// elsewhere answers a call that was refused, with why, for a request id that
// the store does not know: another process may have taken the same call when
// its inputs could still be read, or held something else. Only inputs by URI
// can be different for one call and another.
func (s *Service) elsewhere(ctx context.Context, req SubmitRequest, why error) (Submission, error) {
	if req.RequestID == "" || !byURI(req.Inputs) || ctx.Err() != nil {
		return Submission{}, why
	}
	known, err := s.find(ctx, req.Tenant, IDOf(req.Tenant, req.RequestID))
	if err != nil {
		return Submission{}, why // there is none, or who could tell is away
	}
	return s.again(ctx, req, known)
}

func byURI(inputs map[string][]InputValue) bool {
	for _, values := range inputs {
		for _, v := range values {
			if !v.URI.IsZero() {
				return true
			}
		}
	}
	return false
}

// seen is what an earlier call found at the URIs that it gave, by input: one
// value, or those that the file was split into.
type seen map[string]map[uris.URI][]pipelines.Input

// before is what the call found that a plan was made of. What lies in the
// folder of its run, the call brought along.
func before(plan *pipelines.Plan, folder uris.RunFolder) seen {
	found := seen{}
	for name, inputs := range plan.Inputs {
		at := map[uris.URI][]pipelines.Input{}
		for i := range inputs {
			in := &inputs[i]
			u := in.URI
			if !in.SplitURI.IsZero() {
				u = in.SplitURI
			}
			if folder.URI.Contains(u) || len(at[u]) > 0 && in.Record != len(at[u])+1 {
				continue // or given twice
			}
			at[u] = append(at[u], *in)
		}
		found[name] = at
	}
	return found
}

// recall takes an input as it was found before. It reports false when that
// call did not give it.
func (s seen) recall(out *looked, name string, u uris.URI) bool {
	for _, in := range s[name][u] {
		out.parts = append(out.parts, part{input: in})
	}
	return out.parts != nil
}
