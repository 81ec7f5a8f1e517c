//go:build cluster

package argo

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ligase-bio/ligase/internal/argo"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// TestStepsThatGoWrong holds what steps can do wrong against what their users
// are told.
func TestStepsThatGoWrong(t *testing.T) {
	t.Parallel()
	s := newFaultSite(t)
	// What a step's container may have that asks for no memory of its own.
	must(s.kube.CoreV1().LimitRanges(s.namespace).Create(t.Context(), &corev1.LimitRange{
		ObjectMeta: metav1.ObjectMeta{Name: "usual"},
		Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
			Type:           corev1.LimitTypeContainer,
			Default:        corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("160Mi")},
			DefaultRequest: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Mi")},
		}}},
	}, metav1.CreateOptions{}))(t)
	const imageWait = 15 * time.Second
	r := s.replica(t, nil, uris.URI{}, func(o *argo.Options) { o.ImageWait = imageWait })

	// The worker and the kernel watch memory, and either may be the first to see
	// a command that takes too much.
	const none, either = -1, -2
	for _, test := range []struct {
		name, tool, implementation string
		code                       steps.FailureCode
		exit                       int
		message, log               string
	}{
		{name: "ends well without output", tool: "silent", code: steps.FailOutputContract, exit: none, log: "nothing to show"},
		{name: "command out of memory", tool: "glutton", implementation: "command", code: steps.FailOOM, exit: either, message: "memory"},
		{name: "container out of memory", tool: "glutton", implementation: "container", code: steps.FailOOM, exit: 137, message: "kernel"},
		{name: "out of memory and ends with 0", tool: "glutton", implementation: "quiet", code: steps.FailOOM, exit: 0, message: "memory", log: "std::bad_alloc"},
		{name: "out of memory and ends with 1", tool: "glutton", implementation: "shrug", code: steps.FailOOM, exit: 1, message: "memory", log: "MemoryError"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			req := runs.SubmitRequest{Tool: test.tool}
			if test.implementation != "" {
				req.Implementations = map[string]string{test.tool: test.implementation}
			}
			run, sum := r.end(t, r.submit(t, req).ID, 3*time.Minute)
			is(t, run, runs.Failed, test.code)
			f := run.Failure
			if f.Node != test.tool || f.Attempt != 1 || f.Hint == "" {
				t.Errorf("the failure is of %s, attempt %d, with the hint %q; want %s, attempt 1, and one", f.Node, f.Attempt, f.Hint, test.tool)
			}
			if got := f.ExitCode; test.exit >= 0 && (got == nil || *got != test.exit) || test.exit == none && got != nil {
				t.Errorf("the failure is %+v, want the exit code %d", f, test.exit)
			}
			if !strings.Contains(f.Message, test.message) || !strings.Contains(f.LogTail, test.log) {
				t.Errorf("%q with the log %q, want them to say %q and %q", f.Message, f.LogTail, test.message, test.log)
			}
			if sum.Error == nil || sum.Error.Code != test.code {
				t.Errorf("the summary's error is %+v, want class %s", sum.Error, test.code)
			}
		})
	}

	t.Run("image missing", func(t *testing.T) {
		t.Parallel()
		began := time.Now()
		id := r.submit(t, runs.SubmitRequest{Tool: "absent"}).ID
		r.until(t, id, time.Minute, "waiting for the image", func(run runs.Run) bool {
			return strings.Contains(run.Waiting, "waiting: the image registry.invalid/no/such-image:1 cannot be pulled")
		})
		run, _ := r.end(t, id, 2*time.Minute)
		is(t, run, runs.Failed, steps.FailImage)
		if !strings.Contains(run.Failure.Message, "registry.invalid/no/such-image:1") {
			t.Errorf("%q does not name the image", run.Failure.Message)
		}
		if waited := time.Since(began); waited < imageWait {
			t.Errorf("it failed after %s, before it had waited for %s", waited, imageWait)
		}
	})

	t.Run("more GPUs than there are", func(t *testing.T) {
		t.Parallel()
		id := r.submit(t, runs.SubmitRequest{Tool: "greedy"}).ID
		const waiting = "waiting: 0/1 nodes have a free nvidia.com/gpu"
		r.until(t, id, time.Minute, "waiting for GPUs", func(run runs.Run) bool { return run.Waiting == waiting })
		if sum := must(r.Summary(t.Context(), tenant, id))(t); sum.Waiting != waiting || sum.Status.Terminal() {
			t.Errorf("the summary says %s %q, want %q and no end", sum.Status, sum.Waiting, waiting)
		}
		events := must(r.ClusterEvents(t.Context(), tenant, id, 0))(t)
		if !slices.ContainsFunc(events, func(e runs.Event) bool {
			return e.Source == "kubernetes" && e.Kind == "FailedScheduling" && strings.Contains(e.Message, "nvidia.com/gpu")
		}) {
			t.Errorf("the cluster's events do not tell of FailedScheduling: %+v", events)
		}
		must(r.Cancel(t.Context(), tenant, id))(t)
		run, _ := r.end(t, id, time.Minute)
		is(t, run, runs.Cancelled, "")
	})
}

// hostile are texts that mean something to Argo, shells, or JSON.
var hostile = []string{
	"{{workflow.name}}", "{{=1+1}}", "'; id #", "$(id)", `"}],"args":[`, "$(LIGASE_TASK) $$", "{{inputs.parameters.index}}",
}

// TestHostileStringsOfACall gives them as all that a caller can name a thing
// by. The conformance suite has them as parameters.
func TestHostileStringsOfACall(t *testing.T) {
	t.Parallel()
	s := newFaultSite(t)
	r := s.replica(t, nil, uris.URI{}, nil)
	ids := map[string]runs.ID{}
	for _, text := range hostile {
		ids[text] = r.submit(t, runs.SubmitRequest{
			Tool: "shout", RequestID: text, Labels: map[string]string{"note": text, text: "key"},
			Inputs: map[string][]runs.InputValue{"in": {{Inline: []byte(text), Name: text + ".txt"}}},
		}).ID
	}
	for _, text := range hostile {
		run, sum := r.end(t, ids[text], 5*time.Minute)
		is(t, run, runs.Succeeded, "")
		want := strings.Map(func(c rune) rune {
			if 'a' <= c && c <= 'z' {
				return c - 'a' + 'A'
			}
			return c
		}, text)
		if got := strings.TrimSuffix(r.output(t, sum, "out"), "\n"); got != want {
			t.Errorf("%q arrived as %q, want %q", text, got, want)
		}
		if run.RequestID != text || run.Labels["note"] != text || run.Labels[text] != "key" {
			t.Errorf("%q came back as the request id %q and the labels %q", text, run.RequestID, run.Labels)
		}
		s.oneWorkflow(t, run.ID)
	}
	for _, text := range []string{"a\nb", "a\x00b", "\x1b[31m", strings.Repeat("x", 201)} {
		if made, err := r.Submit(t.Context(), runs.SubmitRequest{Tenant: tenant, Tool: "say", RequestID: text}); err == nil {
			t.Errorf("the request id %q was taken, for %s", text, made.Run.ID)
		}
	}
}
