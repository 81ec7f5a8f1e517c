package argo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/ligase-bio/ligase/internal/problem"
)

// unavailable says that the cluster did not do something, and that it can be
// tried again. What the API server said is kept: it names the quota, the
// permission or the object.
func unavailable(what string, err error) error {
	said := err.Error()
	var status apierrors.APIStatus
	if errors.As(err, &status) && status.Status().Message != "" {
		said = status.Status().Message
	}
	why := "the API server cannot be reached"
	switch {
	case strings.Contains(said, "exceeded quota"):
		why = "a quota of the namespace is used up"
	case apierrors.IsTooManyRequests(err):
		why = "the API server has too much to do"
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		why = "ligase may not do that; its Role in the namespace must allow it"
	case errors.Is(err, context.DeadlineExceeded):
		why = "the API server does not answer"
	case status != nil:
		why = "the API server has a problem"
	}
	return fmt.Errorf("%w: %s: %s (%s)", problem.ErrUnavailable, what, why, said)
}

// permanent reports whether the API server understood the request and will
// never take it.
func permanent(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsRequestEntityTooLargeError(err)
}
