package argo

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	kubetesting "k8s.io/client-go/testing"

	"github.com/ligase-bio/ligase/catalog"
	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/internal/argo/templates"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/steps"
)

var say = dag.Task{Node: "say"}

// onCreate has the API server do something else when a Workflow is created.
func (l *lab) onCreate(do func(wf *wfv1.Workflow) (bool, error)) {
	l.argo.PrependReactor("create", "workflows", func(a kubetesting.Action) (bool, runtime.Object, error) {
		wf := a.(kubetesting.CreateAction).GetObject().(*wfv1.Workflow)
		handled, err := do(wf)
		return handled, wf, err
	})
}

func TestAWorkflowIsAReferenceAndArguments(t *testing.T) {
	l := newLab(t, nil)
	j := l.submit(l.job("say", map[string]any{"text": "{{workflow.name}} $(id)"}))
	wf := l.workflow(j.Workflow)
	if wf == nil {
		t.Fatal("there is no Workflow")
	}
	want := wfv1.WorkflowSpec{WorkflowTemplateRef: &wfv1.WorkflowTemplateRef{Name: "say-sh"}, Arguments: wf.Spec.Arguments}
	want.WorkflowTemplateRef.Name = wf.Spec.WorkflowTemplateRef.Name
	if diff := cmp.Diff(want, wf.Spec); diff != "" {
		t.Errorf("it says more than which template and what to work on:\n%s", diff)
	}
	call := wf.Spec.Arguments.GetParameterByName("task").Value.String()
	if strings.Contains(call, "{{") || strings.Contains(call, "$(") {
		t.Errorf("Argo or Kubernetes could evaluate the argument: %s", call)
	}
	labels := map[string]string{
		"app.kubernetes.io/managed-by": "ligase", "ligase.dev/run-id": string(j.ID), "ligase.dev/tenant": "lab",
		"ligase.dev/tool": "say", "ligase.dev/generation": "1",
	}
	if diff := cmp.Diff(labels, wf.Labels); diff != "" {
		t.Errorf("labels:\n%s", diff)
	}
	if wf.Annotations["ligase.dev/plan-digest"] != j.Digest || wf.Annotations["ligase.dev/tenant"] != "lab" || wf.Annotations["ligase.dev/version"] != "test" ||
		wf.Annotations["ligase.dev/trace-id"] != "4bf92f35" {
		t.Errorf("annotations: %v", wf.Annotations)
	}
}

func TestARunIsToldAsItHappens(t *testing.T) {
	l := newLab(t, nil)
	j := l.submit(l.job("say", nil))
	l.control(j.Workflow, func(wf *wfv1.Workflow) {
		wf.Status.Phase = wfv1.WorkflowRunning
		pod(wf, say, 0, wfv1.NodePending, "", -1)
	})
	l.control(j.Workflow, func(wf *wfv1.Workflow) { pod(wf, say, 0, wfv1.NodeRunning, "", -1) })
	l.waits("running", func(o runs.Observation) bool { return o.State == runs.Running })
	l.waits("the task runs", func(o runs.Observation) bool {
		return o.Task != nil && o.Task.State == runs.Running && o.Task.Attempt == 1
	})
	l.begin(j, say, 1, 0)
	l.commit(j, say, 1, nil)
	l.control(j.Workflow, func(wf *wfv1.Workflow) {
		pod(wf, say, 0, wfv1.NodeSucceeded, "", 0)
		over(wf, say, wfv1.NodeSucceeded)
	})
	l.waits("the commit", func(o runs.Observation) bool {
		return o.Task != nil && o.Task.State == runs.Succeeded && o.Task.Result != nil
	})
	if all, _ := l.record.seen(); slices.ContainsFunc(all, func(o runs.Observation) bool { return o.State.Terminal() }) {
		t.Error("its end was told before the Workflow's")
	}
	l.control(j.Workflow, func(wf *wfv1.Workflow) { wf.Status.Phase = wfv1.WorkflowSucceeded })
	if o := l.ends(j, runs.Succeeded); *o.Progress != (runs.Progress{Done: 1, Total: 1}) {
		t.Errorf("progress %+v", *o.Progress)
	}
	if got := l.events("attempt_started"); !slices.Equal(got, []string{"say 1"}) {
		t.Errorf("attempts started: %q", got)
	}
}

func TestARetryIsToldWithTheWorkersOwnWords(t *testing.T) {
	l := newLab(t, nil)
	j := l.job("say", nil)
	impl := &j.Plan.Compiled.StepOf("say").Implementations[0]
	impl.Retries = steps.Retries{Limit: 1, On: []steps.FailureCode{steps.FailOOM}}
	l.submit(j)
	code := 9
	l.begin(j, say, 1, 0)
	l.fails(j, say, 1, steps.Failure{Code: steps.FailOOM, Message: "It grew too large.", LogTail: "allocating", ExitCode: &code, Hint: "Less."})
	l.control(j.Workflow, func(wf *wfv1.Workflow) { pod(wf, say, 0, wfv1.NodeFailed, "main: Error (exit code 20)", 20) })
	l.waits("the retry", func(o runs.Observation) bool {
		return o.Task != nil && o.Task.State == runs.Pending && strings.Contains(o.Task.Message, "Attempt 1 of 2 failed (oom)")
	})
	l.begin(j, say, 2, 1)
	l.fails(j, say, 2, steps.Failure{Code: steps.FailExit, Message: "It ended with exit code 9.", LogTail: "no such file", ExitCode: &code, Hint: "Read the log."})
	l.control(j.Workflow, func(wf *wfv1.Workflow) {
		pod(wf, say, 1, wfv1.NodeFailed, "main: Error (exit code 28)", 28)
		over(wf, say, wfv1.NodeFailed)
		wf.Status.Phase = wfv1.WorkflowFailed
	})
	o := l.ends(j, runs.Failed)
	want := &steps.Failure{Code: steps.FailExit, Message: "It ended with exit code 9.", Node: "say", Attempt: 2, ExitCode: &code, LogTail: "no such file", Hint: "Read the log."}
	if diff := cmp.Diff(want, o.Failure); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := l.events("attempt_failed"); !slices.Equal(got, []string{"say 1", "say 2"}) {
		t.Errorf("attempts failed: %q", got)
	}
}

func TestACreateThatTookEffectAfterAllIsAdopted(t *testing.T) {
	l := newLab(t, nil)
	j := l.job("say", nil)
	l.onCreate(func(wf *wfv1.Workflow) (bool, error) {
		if err := l.argo.Tracker().Add(give(wf.DeepCopy(), "one")); err != nil {
			t.Error(err)
		}
		return true, apierrors.NewTimeoutError("the server was too slow to answer", 1)
	})
	l.submit(j)
	l.commit(j, say, 1, nil)
	l.control(j.Workflow, func(wf *wfv1.Workflow) {
		pod(wf, say, 0, wfv1.NodeSucceeded, "", 0)
		over(wf, say, wfv1.NodeSucceeded)
		wf.Status.Phase = wfv1.WorkflowSucceeded
	})
	l.ends(j, runs.Succeeded)
	if got := l.events("attempt_started"); len(got) != 1 {
		t.Errorf("of its attempt was told %d times", len(got))
	}
}

func TestAStrangersWorkflowIsRefused(t *testing.T) {
	for name, change := range map[string]func(*wfv1.Workflow){
		"ligase did not make it":    func(wf *wfv1.Workflow) { wf.Labels = nil },
		"it was made for the plan":  func(wf *wfv1.Workflow) { wf.Annotations[annotationDigest] = "0000" },
		"belongs to another tenant": func(wf *wfv1.Workflow) { wf.Annotations[annotationTenant] = "rival" },
		"it belongs to run-000":     func(wf *wfv1.Workflow) { wf.Labels[labelRunID] = "run-000000000000" },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, nil)
			j := l.job("say", nil)
			wf, err := l.engine.workflowOf(t.Context(), newRun(j))
			if err != nil {
				t.Fatal(err)
			}
			change(wf)
			if err := l.argo.Tracker().Add(give(wf, "theirs")); err != nil {
				t.Fatal(err)
			}
			for _, fresh := range []bool{true, false} {
				j.Fresh = fresh
				if err := l.engine.Submit(t.Context(), j); !errors.Is(err, problem.ErrConflict) || !strings.Contains(err.Error(), name) {
					t.Errorf("fresh %v: %v", fresh, err)
				}
			}
		})
	}
}

func TestWhatPassesIsUnavailable(t *testing.T) {
	group := schema.GroupResource{Group: "argoproj.io", Resource: "workflows"}
	for want, err := range map[string]error{
		"too much to do":  apierrors.NewTooManyRequests("slow down", 1),
		"gpu-quota":       apierrors.NewForbidden(group, "x", errors.New("exceeded quota: gpu-quota, requested: count/workflows.argoproj.io=1")),
		"has a problem":   apierrors.NewInternalError(errors.New("etcd has no leader")),
		"cannot be reach": errors.New("dial tcp: connection refused"),
		"its Role":        apierrors.NewForbidden(group, "x", errors.New("no RBAC policy matched")),
	} {
		t.Run(want, func(t *testing.T) {
			l := newLab(t, nil)
			j := l.job("say", nil)
			var once atomic.Bool
			l.onCreate(func(*wfv1.Workflow) (bool, error) { return once.CompareAndSwap(false, true), err })
			if err := l.engine.Submit(t.Context(), j); !errors.Is(err, problem.ErrUnavailable) || !strings.Contains(err.Error(), want) {
				t.Fatalf("%v", err)
			}
			j.Fresh = false
			l.submit(j)
			if l.workflow(j.Workflow) == nil {
				t.Error("a second try does not start it")
			}
		})
	}
}

func TestATemplateThatIsMissingOrOfAnotherVersionEndsTheRun(t *testing.T) {
	t.Run("missing", func(t *testing.T) {
		l := newLab(t, nil)
		j := l.job("chain", nil)
		if err := l.argo.Tracker().Delete(wfv1.SchemeGroupVersion.WithResource("workflowtemplates"), namespace, "chain"); err != nil {
			t.Fatal(err)
		}
		o := l.ends(l.submit(j), runs.Failed)
		if !strings.Contains(o.Failure.Hint, "ligase render chain | kubectl apply") || !strings.Contains(o.Failure.Message, "no WorkflowTemplate chain") {
			t.Errorf("%+v", o.Failure)
		}
		if l.workflow(j.Workflow) != nil {
			t.Error("it was started all the same")
		}
	})
	for name, c := range map[string]struct {
		tool, template string
		change         func(*wfv1.WorkflowTemplate)
		want           string
	}{
		"another definition": {"say", "say-shell", func(w *wfv1.WorkflowTemplate) { w.Annotations[templates.AnnotationDigest] = "of an older one" },
			"say-shell in the namespace science was rendered from another definition of say 1.0.0"},
		"another version of a step": {"chain", "upper-shell", func(w *wfv1.WorkflowTemplate) { w.Annotations[templates.AnnotationVersion] = "0.9.0" },
			"was rendered from version 0.9.0 of upper, and this run is of 1.0.0"},
		"another image": {"say", "say-shell", setImage("evil.example/busybox:1.36"),
			"runs the image evil.example/busybox:1.36, and the definition of say 1.0.0 says busybox:1.37"},
		"another image of a step": {"chain", "upper-shell", setImage("busybox"), "runs the image busybox, and the definition of upper 1.0.0 says busybox:1.37"},
		"not of ligase":           {"say", "say-shell", func(w *wfv1.WorkflowTemplate) { w.Annotations = nil }, "was rendered from nothing that ligase knows"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, nil)
			j := l.job(c.tool, nil)
			l.changeTemplate(c.template, c.change)
			o := l.ends(l.submit(j), runs.Failed)
			if o.Failure.Code != steps.FailImage || !strings.Contains(o.Failure.Message, c.want) || !strings.Contains(o.Failure.Hint, "ligase catalog check") {
				t.Errorf("%+v", o.Failure)
			}
			if l.workflow(j.Workflow) != nil {
				t.Error("it was started all the same")
			}
		})
		t.Run(name+", allowed", func(t *testing.T) {
			l := newLab(t, func(o *Options) { o.AllowDrift = true })
			j := l.job(c.tool, nil)
			l.changeTemplate(c.template, c.change)
			if l.submit(j); l.workflow(j.Workflow) == nil {
				t.Error("it was not started")
			}
		})
	}
	t.Run("an image from a mirror", func(t *testing.T) {
		l := newLab(t, nil)
		j := l.job("say", nil)
		l.changeTemplate("say-shell", setImage("mirror.example/library/busybox:1.37"))
		if l.submit(j); l.workflow(j.Workflow) == nil {
			t.Error("it was not started")
		}
	})
}

func setImage(image string) func(*wfv1.WorkflowTemplate) {
	return func(w *wfv1.WorkflowTemplate) {
		for i := range w.Spec.Templates {
			if w.Spec.Templates[i].Name == podTemplate {
				w.Spec.Templates[i].Container.Image = image
			}
		}
	}
}

// TestATemplateOfOthersThatChangedEndsTheRun: a step that was imported does not
// start on a template that no longer takes what it is given.
func TestATemplateOfOthersThatChangedEndsTheRun(t *testing.T) {
	theirs := func(parameter string) *wfv1.WorkflowTemplate {
		return &wfv1.WorkflowTemplate{
			ObjectMeta: metav1.ObjectMeta{Name: "theirs", Namespace: namespace},
			Spec: wfv1.WorkflowSpec{Templates: []wfv1.Template{{
				Name: "main", Inputs: wfv1.Inputs{Parameters: []wfv1.Parameter{{Name: parameter}}},
				Outputs: wfv1.Outputs{Parameters: []wfv1.Parameter{{Name: "said"}}},
			}}},
		}
	}
	const definition = `
name: borrow
version: 1.0.0
title: Borrow
description: What others say.
params: {text: {type: string, default: hello}}
outputs: {said: {type: file, format: text}}
implementations:
  theirs:
    template: {name: theirs, arguments: {message: $(params.text)}}
    collect: {said: outputs.parameters.said}
`
	borrow := func(t *testing.T, have *wfv1.WorkflowTemplate) (*lab, runs.Job) {
		l := newLab(t, nil)
		c, problems := catalog.Load(append(catalog.Builtin(), catalog.Source{Name: "lab", FS: fstest.MapFS{"borrow.yaml": {Data: []byte(definition)}}})...)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		l.catalog = c
		if have != nil {
			if err := l.argo.Tracker().Add(have); err != nil {
				t.Fatal(err)
			}
		}
		return l, l.job("borrow", nil)
	}
	t.Run("as it was", func(t *testing.T) {
		l, j := borrow(t, theirs("message"))
		if l.submit(j); l.workflow(j.Workflow) == nil {
			t.Error("it was not started")
		}
	})
	t.Run("changed", func(t *testing.T) {
		l, j := borrow(t, theirs("text"))
		o := l.ends(l.submit(j), runs.Failed)
		if !strings.Contains(o.Failure.Message, "theirs is no longer as borrow counts on it (theirs.main.inputs.parameters.message: nothing → $(params.text))") {
			t.Errorf("%+v", o.Failure)
		}
		if l.workflow(j.Workflow) != nil {
			t.Error("it was started all the same")
		}
	})
	t.Run("gone", func(t *testing.T) {
		l, j := borrow(t, nil)
		if o := l.ends(l.submit(j), runs.Failed); !strings.Contains(o.Failure.Message, "The cluster has no template theirs, which borrow runs") {
			t.Errorf("%+v", o.Failure)
		}
	})
}

func TestAnExpiredWatchIsTakenUpAgain(t *testing.T) {
	l := newLab(t, nil)
	var watches atomic.Int32
	l.argo.PrependWatchReactor("workflows", func(a kubetesting.Action) (bool, watch.Interface, error) {
		switch watches.Add(1) {
		case 1: // in the midst of a watch, as an API server says it
			w := watch.NewFakeWithChanSize(1, false)
			w.Error(&metav1.Status{Status: metav1.StatusFailure, Code: http.StatusGone, Reason: metav1.StatusReasonExpired, Message: "too old resource version"})
			return true, w, nil
		case 2: // when it is asked for
			return true, nil, apierrors.NewResourceExpired("too old resource version")
		case 3: // and one that is just cut
			w := watch.NewFake()
			w.Stop()
			return true, w, nil
		}
		return false, nil, nil
	})
	l.restart(nil)
	j := l.submit(l.job("say", nil))
	l.until("a watch", func() bool { return watches.Load() >= 4 })
	l.commit(j, say, 1, nil)
	l.control(j.Workflow, func(wf *wfv1.Workflow) {
		pod(wf, say, 0, wfv1.NodeSucceeded, "", 0)
		over(wf, say, wfv1.NodeSucceeded)
		wf.Status.Phase = wfv1.WorkflowSucceeded
	})
	l.ends(j, runs.Succeeded)
}

func TestStaleWhileTheClusterIsAway(t *testing.T) {
	l := newLab(t, nil)
	l.until("contact", func() bool { return l.engine.StaleSince().IsZero() })
	var away atomic.Bool
	away.Store(true)
	fail := func(kubetesting.Action) (bool, runtime.Object, error) {
		return away.Load(), nil, errors.New("connection refused")
	}
	l.argo.PrependReactor("list", "workflows", fail)
	l.argo.PrependWatchReactor("workflows", func(a kubetesting.Action) (bool, watch.Interface, error) {
		return away.Load(), nil, errors.New("connection refused")
	})
	before := time.Now()
	l.restart(nil)
	l.until("staleness", func() bool { return !l.engine.StaleSince().IsZero() })
	if since := l.engine.StaleSince(); since.Before(before) || since.After(time.Now()) {
		t.Errorf("stale since %s", since)
	}
	away.Store(false)
	l.until("contact", func() bool { return l.engine.StaleSince().IsZero() })
}

func TestADeletedWorkflowEndsItsRun(t *testing.T) {
	remove := func(l *lab, j runs.Job) {
		if err := l.argo.ArgoprojV1alpha1().Workflows(namespace).Delete(context.Background(), j.Workflow, metav1.DeleteOptions{}); err != nil {
			l.Fatal(err)
		}
	}
	t.Run("while it ran", func(t *testing.T) {
		l := newLab(t, nil)
		j := l.submit(l.job("chain", nil))
		l.control(j.Workflow, func(wf *wfv1.Workflow) { pod(wf, dag.Task{Node: "first"}, 0, wfv1.NodeRunning, "", -1) })
		l.waits("running", func(o runs.Observation) bool { return o.State == runs.Running })
		l.commit(j, dag.Task{Node: "first"}, 1, nil) // nobody has seen that yet
		remove(l, j)
		o := l.ends(j, runs.Failed)
		if o.Failure.Code != steps.FailUnknown || !o.Failure.Retryable || !strings.Contains(o.Failure.Message, "was deleted while it ran") {
			t.Errorf("%+v", o.Failure)
		}
		if s := l.last()["first"]; s.State != runs.Succeeded {
			t.Errorf("what had committed is %s", s.State)
		}
	})
	t.Run("when all had committed", func(t *testing.T) {
		l := newLab(t, nil)
		j := l.submit(l.job("say", nil))
		l.commit(j, say, 1, nil)
		remove(l, j)
		l.ends(j, runs.Succeeded)
	})
	t.Run("and another took its name", func(t *testing.T) {
		l := newLab(t, nil)
		j := l.submit(l.job("say", nil))
		l.control(j.Workflow, func(wf *wfv1.Workflow) { give(wf, "two") })
		if o := l.ends(j, runs.Failed); !strings.Contains(o.Failure.Message, "another has taken its name") {
			t.Errorf("%+v", o.Failure)
		}
	})
	t.Run("before anybody saw its end", func(t *testing.T) {
		l := newLab(t, nil)
		j := l.job("say", nil)
		l.begin(j, say, 1, 0)
		j.Fresh = false
		if o := l.ends(l.submit(j), runs.Failed); !strings.Contains(o.Failure.Message, "how it ended is not on record") {
			t.Errorf("%+v", o.Failure)
		}
		if l.workflow(j.Workflow) != nil {
			t.Error("it was run again")
		}
	})
	t.Run("after it had succeeded", func(t *testing.T) {
		l := newLab(t, nil)
		j := l.job("say", nil)
		l.commit(j, say, 1, nil)
		j.Fresh = false
		l.ends(l.submit(j), runs.Succeeded)
		if l.workflow(j.Workflow) != nil {
			t.Error("it was run again")
		}
	})
}

func TestARetrySkipsWhatHasCommitted(t *testing.T) {
	l := newLab(t, nil)
	j := l.job("scatter", nil)
	l.commit(j, dag.Task{Node: "split"}, 1, map[string]int{"items": 3})
	l.commit(j, dag.Task{Node: "upper", Index: "1"}, 1, nil)
	l.begin(j, dag.Task{Node: "upper", Index: "2"}, 1, 0)
	j.Fresh, j.Generation = false, 2
	l.submit(j)
	wf := l.workflow(j.Workflow + "-g2")
	if wf == nil {
		t.Fatal("it has no Workflow")
	}
	got := map[string]string{}
	for _, p := range wf.Spec.Arguments.Parameters[1:] {
		got[p.Name] = p.Value.String()
	}
	want := map[string]string{"skip-split": `[""]`, "reuse-split": `{"":{"items":3}}`, "skip-upper": `["1"]`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	// The attempt that an earlier try left keeps its number.
	l.control(wf.Name, func(wf *wfv1.Workflow) { pod(wf, dag.Task{Node: "upper", Index: "2"}, 0, wfv1.NodeRunning, "", -1) })
	l.waits("the second attempt", func(o runs.Observation) bool {
		return o.Task != nil && o.Task.Index == "2" && o.Task.State == runs.Running && o.Task.Attempt == 2
	})
	for _, item := range []dag.Task{{Node: "upper", Index: "0"}, {Node: "upper", Index: "2"}} {
		l.commit(j, item, 1, nil)
		l.control(wf.Name, func(wf *wfv1.Workflow) {
			pod(wf, item, 0, wfv1.NodeSucceeded, "", 0)
			over(wf, item, wfv1.NodeSucceeded)
		})
	}
	l.control(wf.Name, func(wf *wfv1.Workflow) { wf.Status.Phase = wfv1.WorkflowSucceeded })
	if o := l.ends(j, runs.Succeeded); *o.Progress != (runs.Progress{Done: 4, Total: 4}) {
		t.Errorf("progress %+v", *o.Progress)
	}
}

func TestAnotherEngineGoesOnWhereOneStopped(t *testing.T) {
	l := newLab(t, nil)
	j := l.submit(l.job("chain", nil))
	first, second := dag.Task{Node: "first"}, dag.Task{Node: "second"}
	l.commit(j, first, 1, nil)
	l.control(j.Workflow, func(wf *wfv1.Workflow) {
		pod(wf, first, 0, wfv1.NodeSucceeded, "", 0)
		over(wf, first, wfv1.NodeSucceeded)
	})
	l.waits("the first commit", func(o runs.Observation) bool { return o.Task != nil && o.Task.State == runs.Succeeded })
	l.control(j.Workflow, func(wf *wfv1.Workflow) { pod(wf, second, 0, wfv1.NodeRunning, "", -1) })
	l.waits("the second task", func(o runs.Observation) bool { return o.Task != nil && o.Task.Node == "second" })
	l.restart(nil)
	l.clock.advance(2 * time.Second) // a Workflow's times have no fractions
	j.Fresh = false
	l.submit(j)
	l.waits("the first commit again", func(o runs.Observation) bool {
		return o.Task != nil && o.Task.Node == "first" && o.Task.State == runs.Succeeded
	})
	l.commit(j, second, 1, nil)
	l.control(j.Workflow, func(wf *wfv1.Workflow) {
		pod(wf, second, 0, wfv1.NodeSucceeded, "", 0)
		over(wf, second, wfv1.NodeSucceeded)
		wf.Status.Phase = wfv1.WorkflowSucceeded
	})
	l.ends(j, runs.Succeeded)
	if again := l.events("attempt_started"); len(again) != 0 {
		t.Errorf("of attempts that had been told was told again: %q", again)
	}
}

func TestCancelTerminatesAndSuspendHolds(t *testing.T) {
	l := newLab(t, nil)
	j := l.submit(l.job("say", nil))
	suspended := func(want bool) func() bool {
		return func() bool {
			wf := l.workflow(j.Workflow)
			return wf.Spec.Suspend != nil && *wf.Spec.Suspend == want
		}
	}
	for i, want := range []bool{true, true, false, true} {
		if err := l.engine.Suspend(t.Context(), j.ID, hold(want, i)); err != nil {
			t.Fatal(err)
		}
		l.until("suspend", suspended(want))
	}
	l.control(j.Workflow, func(wf *wfv1.Workflow) { pod(wf, say, 0, wfv1.NodeRunning, "", -1) })
	l.waits("running", func(o runs.Observation) bool { return o.State == runs.Running })
	for range 2 {
		if err := l.engine.Cancel(t.Context(), j.ID); err != nil {
			t.Fatal(err)
		}
	}
	l.until("shutdown", func() bool { return l.workflow(j.Workflow).Spec.Shutdown == wfv1.ShutdownStrategyTerminate })
	if !suspended(false)() {
		t.Error("it is still suspended: Argo does not end what is suspended")
	}
	l.control(j.Workflow, func(wf *wfv1.Workflow) {
		pod(wf, say, 0, wfv1.NodeFailed, "workflow shutdown with strategy:  Terminate", -1)
		over(wf, say, wfv1.NodeFailed)
		wf.Status.Phase = wfv1.WorkflowFailed
	})
	l.ends(j, runs.Cancelled)
	if s := l.last()["say"]; s.State != runs.Cancelled {
		t.Errorf("its task is %s", s.State)
	}
	if err := errors.Join(l.engine.Cancel(t.Context(), j.ID), l.engine.Suspend(t.Context(), j.ID, hold(true, 9)), l.engine.Cancel(t.Context(), "run-000000000000")); err != nil {
		t.Errorf("after the end: %v", err)
	}
}

// An engine that was killed may have made a Workflow of a run that nobody has
// seen running: cancelling the run must end it all the same.
func TestCancelEndsWhatALostEngineStarted(t *testing.T) {
	l := newLab(t, nil)
	j := l.submit(l.job("say", nil))
	l.restart(nil)
	if err := l.engine.Cancel(t.Context(), j.ID); err != nil {
		t.Fatal(err)
	}
	if got := l.workflow(j.Workflow).Spec.Shutdown; got != wfv1.ShutdownStrategyTerminate {
		t.Errorf("the Workflow goes on: shutdown is %q", got)
	}
}

// Another gateway was asked to cancel, or somebody terminated the Workflow by
// hand: the run was cancelled, whoever tells it first.
func TestWhoeverTerminatesCancels(t *testing.T) {
	l := newLab(t, nil)
	j := l.submit(l.job("say", nil))
	l.control(j.Workflow, func(wf *wfv1.Workflow) {
		wf.Spec.Shutdown = wfv1.ShutdownStrategyTerminate
		pod(wf, say, 0, wfv1.NodeFailed, "workflow shutdown with strategy:  Terminate", -1)
		over(wf, say, wfv1.NodeFailed)
		wf.Status.Phase = wfv1.WorkflowFailed
	})
	l.ends(j, runs.Cancelled)
}

func TestTheFirstFailureLetsWhatRunsEnd(t *testing.T) {
	l := newLab(t, nil)
	j := l.submit(l.job("scatter", nil))
	split, a, b := dag.Task{Node: "split"}, dag.Task{Node: "upper", Index: "0"}, dag.Task{Node: "upper", Index: "1"}
	l.commit(j, split, 1, map[string]int{"items": 3})
	l.begin(j, a, 1, 0)
	l.fails(j, a, 1, steps.Failure{Code: steps.FailExit, Message: "It did not like it.", Hint: "Read."})
	l.control(j.Workflow, func(wf *wfv1.Workflow) {
		pod(wf, split, 0, wfv1.NodeSucceeded, "", 0)
		over(wf, split, wfv1.NodeSucceeded)
		pod(wf, a, 0, wfv1.NodeFailed, "main: Error (exit code 28)", 28)
		over(wf, a, wfv1.NodeFailed)
		pod(wf, b, 0, wfv1.NodeRunning, "", -1)
	})
	l.until("suspend", func() bool { s := l.workflow(j.Workflow).Spec.Suspend; return s != nil && *s })
	if got := l.workflow(j.Workflow).Spec.Shutdown; got != "" {
		t.Errorf("what ran was ended: %s", got)
	}
	l.commit(j, b, 1, nil)
	l.control(j.Workflow, func(wf *wfv1.Workflow) { pod(wf, b, 0, wfv1.NodeSucceeded, "", 0) })
	l.until("stop", func() bool { return l.workflow(j.Workflow).Spec.Shutdown == wfv1.ShutdownStrategyStop })
	l.control(j.Workflow, func(wf *wfv1.Workflow) { wf.Status.Phase = wfv1.WorkflowFailed })
	if o := l.ends(j, runs.Failed); o.Failure.Message != "It did not like it." || o.Failure.Index != "0" {
		t.Errorf("%+v", o.Failure)
	}
	if s := l.last()["upper/1"]; s.State != runs.Succeeded {
		t.Errorf("what ran on is %s", s.State)
	}
}

func TestAPodThatDoesNotStartSaysWhy(t *testing.T) {
	pend := func(l *lab, message string) runs.Job {
		j := l.submit(l.job("say", nil))
		l.control(j.Workflow, func(wf *wfv1.Workflow) { pod(wf, say, 0, wfv1.NodePending, message, -1) })
		return j
	}
	t.Run("no GPU", func(t *testing.T) {
		l := newLab(t, nil)
		pend(l, "Unschedulable: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.")
		l.says("waiting: 0/1 nodes have a free nvidia.com/gpu")
		l.clock.advance(time.Hour)
		time.Sleep(1500 * time.Millisecond)
		if all, _ := l.record.seen(); slices.ContainsFunc(all, func(o runs.Observation) bool { return o.State.Terminal() }) {
			t.Error("it was given up")
		}
	})
	t.Run("no GPU, with an end to patience", func(t *testing.T) {
		l := newLab(t, func(o *Options) { o.ScheduleWait = time.Minute })
		j := pend(l, "Unschedulable: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu.")
		l.says("nvidia.com/gpu")
		time.Sleep(1100 * time.Millisecond)
		l.clock.advance(2 * time.Minute)
		l.until("stop", func() bool { return l.workflow(j.Workflow).Spec.Shutdown != "" })
		l.control(j.Workflow, func(wf *wfv1.Workflow) { wf.Status.Phase = wfv1.WorkflowFailed })
		if o := l.ends(j, runs.Failed); o.Failure.Code != steps.FailUnschedulable {
			t.Errorf("%+v", o.Failure)
		}
	})
	t.Run("no image", func(t *testing.T) {
		l := newLab(t, nil)
		j := pend(l, `ImagePullBackOff: Back-off pulling image "ghcr.io/no/where:1": ErrImagePull: not found`)
		l.says("waiting: the image ghcr.io/no/where:1 cannot be pulled")
		time.Sleep(1100 * time.Millisecond)
		l.clock.advance(3 * time.Minute)
		l.until("stop", func() bool { return l.workflow(j.Workflow).Spec.Shutdown != "" })
		l.control(j.Workflow, func(wf *wfv1.Workflow) {
			pod(wf, say, 0, wfv1.NodeFailed, "workflow shutdown with strategy:  Stop", -1)
			over(wf, say, wfv1.NodeFailed)
			wf.Status.Phase = wfv1.WorkflowFailed
		})
		o := l.ends(j, runs.Failed)
		if o.Failure.Code != steps.FailImage || !strings.Contains(o.Failure.Message, "ghcr.io/no/where:1") || o.Failure.Node != "say" {
			t.Errorf("%+v", o.Failure)
		}
	})
	t.Run("no claim", func(t *testing.T) {
		l := newLab(t, nil)
		j := pend(l, `Unschedulable: 0/1 nodes are available: persistentvolumeclaim "esmfold-weights" not found. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.`)
		l.says("waiting: there is no PersistentVolumeClaim esmfold-weights; make it in the namespace of the run and fill it")
		time.Sleep(1100 * time.Millisecond)
		l.clock.advance(3 * time.Minute)
		l.until("stop", func() bool { return l.workflow(j.Workflow).Spec.Shutdown != "" })
		l.control(j.Workflow, func(wf *wfv1.Workflow) {
			pod(wf, say, 0, wfv1.NodeFailed, "workflow shutdown with strategy:  Stop", -1)
			over(wf, say, wfv1.NodeFailed)
			wf.Status.Phase = wfv1.WorkflowFailed
		})
		o := l.ends(j, runs.Failed)
		if f := o.Failure; f.Code != steps.FailUnschedulable || !f.Retryable || !strings.Contains(f.Message, `no PersistentVolumeClaim esmfold-weights. Kubernetes says: 0/1 nodes are available: persistentvolumeclaim "esmfold-weights" not found.`) || !strings.Contains(f.Hint, "--claim") {
			t.Errorf("%+v", f)
		}
	})
	t.Run("no image for the worker", func(t *testing.T) {
		l := newLab(t, nil)
		j := pend(l, "PodInitializing")
		_ = l.kube.Tracker().Add(&corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: podOfTask(j.Workflow, say, 0), Namespace: namespace},
			Status: corev1.PodStatus{Phase: corev1.PodPending, InitContainerStatuses: []corev1.ContainerStatus{{
				Name: "worker", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: `image "ghcr.io/x/ligase-worker:0" not found`}},
			}}},
		})
		l.clock.advance(time.Minute)
		l.says("the image ghcr.io/x/ligase-worker:0 cannot be pulled")
	})
	t.Run("a quota", func(t *testing.T) {
		l := newLab(t, nil)
		pend(l, `pods "x" is forbidden: exceeded quota: gpu-quota, requested: requests.nvidia.com/gpu=1`)
		l.says("exceeded quota: gpu-quota")
	})
}

func TestWhatArgoSaysIsToldWhenNothingElseIs(t *testing.T) {
	l := newLab(t, nil)
	j := l.submit(l.job("say", nil))
	l.control(j.Workflow, func(wf *wfv1.Workflow) {
		wf.Status.Phase, wf.Status.Message = wfv1.WorkflowError, "templates.run.tasks.say template reference say-sh.main not found"
	})
	if o := l.ends(j, runs.Failed); !strings.Contains(o.Failure.Message, "say-sh.main not found") {
		t.Errorf("%+v", o.Failure)
	}
}

func TestAPodThatSaysItIsDoneButHasNotCommitted(t *testing.T) {
	l := newLab(t, nil)
	j := l.submit(l.job("say", nil))
	l.control(j.Workflow, func(wf *wfv1.Workflow) {
		pod(wf, say, 0, wfv1.NodeSucceeded, "", 0)
		over(wf, say, wfv1.NodeSucceeded)
		wf.Status.Phase = wfv1.WorkflowSucceeded
	})
	if o := l.ends(j, runs.Failed); o.Failure.Code != steps.FailStorage || !strings.Contains(o.Failure.Message, "result.json") {
		t.Errorf("%+v", o.Failure)
	}
}

func TestALateCommitCountsWhateverBecameOfThePod(t *testing.T) {
	l := newLab(t, nil)
	j := l.submit(l.job("say", nil))
	l.commit(j, say, 1, nil)
	l.control(j.Workflow, func(wf *wfv1.Workflow) {
		pod(wf, say, 0, wfv1.NodeError, "pod deleted", -1)
		over(wf, say, wfv1.NodeError)
		wf.Status.Phase = wfv1.WorkflowError
	})
	l.ends(j, runs.Succeeded)
}
