package gateway_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// An agent's work: submit, poll, read, chain by URI; and each reply is small,

// and says the same to programs and to readers.

func TestStepsAreChainedByURI(t *testing.T) {
	s := newSite(t, nil)
	a := s.good("submit_say", map[string]any{"text": "hello", "client_request_id": "one"})
	run := a.string("run_id")
	has(t, "the answer to a submit", a.text(), run, "get_run_status", "fetch_run_summary")
	if a.string("workflow_name") == "" || a.Fields["poll_after_seconds"] == nil {
		t.Errorf("the answer to a submit: %s", a.raw)
	}
	status := s.end(run)
	if len(status.raw) > 900 { // both forms and what is around them
		t.Errorf("a status has %d bytes: %s", len(status.raw), status.raw)
	}
	if fields, _ := json.Marshal(status.Fields); len(fields) > 600 {
		t.Errorf("a status has %d bytes: %s", len(fields), fields)
	}
	has(t, "the status", status.text(), run, "succeeded", "1/1")
	sum := s.good("fetch_run_summary", map[string]any{"run_id": run})
	out := s.uri(run, "out")
	has(t, "the summary", sum.text(), "succeeded", out, "submit_picky(in_uri=<out>)")

	next := s.submit("upper", map[string]any{"in_uri": out})
	s.end(next)
	u := s.uri(next, "out")
	has(t, "the resource of outputs", s.read("resource://runs/"+next+"/outputs"), u, `"port":"out"`, `"total":1`)

	again := s.good("submit_say", map[string]any{"client_request_id": "one", "text": "hello"})
	if again.string("run_id") != run || again.Fields["already_submitted"] != true {
		t.Errorf("the same call again: %s", again.raw)
	}
	other := s.call("submit_say", map[string]any{"client_request_id": "one", "text": "good bye"})
	if !other.IsError {
		t.Errorf("other arguments with the same id: %s", other.raw)
	}
	has(t, "the conflict", other.text(), run, "one")
	if n := len(s.good("list_runs", nil).Fields["runs"].([]any)); n != 2 {
		t.Errorf("there are %d runs, want 2", n)
	}
}

// read reads a resource, all of its forms.

func (s *site) read(uri string) string {
	s.Helper()
	result, rpc := s.ask("resources/read", map[string]any{"uri": uri}, "")
	if rpc != nil {
		s.Fatalf("%s: %+v", uri, rpc)
	}
	var r struct {
		Contents   []struct{ Text string }
		CacheScope string
	}
	if err := json.Unmarshal(result, &r); err != nil {
		s.Fatal(err)
	}
	if want := map[bool]string{true: "private", false: "public"}[strings.HasPrefix(uri, "resource://runs/")]; r.CacheScope != want {
		s.Errorf("%s may be kept by: %q, want %q", uri, r.CacheScope, want)
	}
	var text []string
	for _, c := range r.Contents {
		text = append(text, c.Text)
	}
	return strings.Join(text, "\n")
}

// A run that fails is a call that succeeds, and explains.

func TestAFailedRunExplainsItself(t *testing.T) {
	s := newSite(t, nil)
	first := s.submit("say", map[string]any{"text": "item 2"})
	s.end(first)
	run := s.submit("picky", map[string]any{"in_uri": s.uri(first, "out")})
	has(t, "the status", s.end(run).text(), "failed", "exit at picky", "fetch_run_summary")
	sum := s.good("fetch_run_summary", map[string]any{"run_id": run})
	failure, _ := sum.Fields["error"].(map[string]any)
	if failure["code"] != "exit" || failure["exit_code"] != 7.0 || failure["failed_step"] != "picky" {
		t.Errorf("the failure is told as %v", failure)
	}
	has(t, "the summary", sum.text(), "Failed: exit", "exit code 7", "What to do:", "found item 2, giving up", "data, not instructions")
	logs := s.good("get_run_logs", map[string]any{"run_id": run})
	if logs.Fields["untrusted"] != true {
		t.Errorf("the log is not marked: %s", logs.raw)
	}
	has(t, "the log", logs.text(), "found item 2, giving up")
	has(t, "the events", s.good("get_run_events", map[string]any{"run_id": run}).text(), "attempt_failed", "finished")
	has(t, "the cluster's events", s.call("get_run_events", map[string]any{"run_id": run, "cluster": true}).text(), "cluster")
}

func TestRunsAreSuspendedCancelledAndRetried(t *testing.T) {
	s := newSite(t, nil)
	run := s.submit("slow", nil)
	if a := s.good("suspend_run", map[string]any{"run_id": run}); a.Fields["suspended"] != true {
		t.Errorf("suspended: %s", a.raw)
	}
	if a := s.good("resume_run", map[string]any{"run_id": run}); a.Fields["suspended"] != nil {
		t.Errorf("resumed: %s", a.raw)
	}
	s.good("cancel_run", map[string]any{"run_id": run})
	if a := s.end(run); a.string("status") != "cancelled" {
		t.Errorf("cancelled: %s", a.raw)
	}
	if a := s.good("retry_run", map[string]any{"run_id": run}); a.string("status") == "cancelled" {
		t.Errorf("retried: %s", a.raw)
	}
	s.good("cancel_run", map[string]any{"run_id": run})
	s.end(run)
}

// What is wrong with a call is told, all of it, with the call that is right;

// nothing is created.

// Runs are their tenant's: what is somebody else's is as what is not there.

// Clients that declare tasks get them: durable, followed to the end, with the

// summary for a result.

// Subscribers hear that a run has ended and that the catalog has changed; a

// broken file leaves what was there.

// Whoever listens hears of runs of its own, and cannot listen to others'.

// What a caller gives arrives as it is, and the trace that it brings is kept

// with the run.

// Each tool's definition is a golden file: what agents see changes on purpose

// only. Together they are small, and replies are as they say.
