package runs

import "context"

// SetFailpoint lets a test end submits at a point, as a crash would: claimed,
// inputs, row, handed.
func (o *Options) SetFailpoint(f func(point string) error) { o.failpoint = f }

func WorkflowName(tool, implementation string, id ID) string {
	return workflowName(tool, implementation, id)
}

// Sweep lets a test have the reconciler look at a moment of its choosing.
func (s *Service) Sweep(ctx context.Context) error { return s.sweep(ctx) }
