package gateway_test

import (
	"encoding/json"
	"testing"
	"time"
)

func TestSubmitsAreTasks(t *testing.T) {
	s := newSite(t, nil)
	start := func(tool string, args map[string]any) map[string]any {
		result, rpc := s.ask("tools/call", map[string]any{"name": "submit_" + tool, "arguments": args}, tasksCapability)
		if rpc != nil {
			t.Fatal(rpc)
		}
		var task map[string]any
		if err := json.Unmarshal(result, &task); err != nil {
			t.Fatal(err)
		}
		return task
	}
	get := func(id any) map[string]any {
		result, rpc := s.ask("tasks/get", map[string]any{"taskId": id}, tasksCapability)
		if rpc != nil {
			t.Fatal(rpc)
		}
		var task map[string]any
		if err := json.Unmarshal(result, &task); err != nil {
			t.Fatal(err)
		}
		return task
	}
	until := func(id any, status string) map[string]any {
		for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			if task := get(id); task["status"] == status {
				return task
			}
		}
		t.Fatalf("the task %v does not come to be %s: %v", id, status, get(id))
		return nil
	}
	task := start("say", map[string]any{"text": "x"})
	if task["resultType"] != "task" || task["status"] != "working" && task["status"] != "completed" {
		t.Fatalf("the answer to a submit: %v", task)
	}
	if _, err := s.service.Get(t.Context(), "default", mustID(t, task["taskId"])); err != nil {
		t.Errorf("the task is not a run: %v", err)
	}
	done := until(task["taskId"], "completed")
	result, _ := done["result"].(map[string]any)
	fields, _ := result["structuredContent"].(map[string]any)
	if result["resultType"] != "complete" || fields["status"] != "succeeded" || fields["output_uris"] == nil {
		t.Errorf("the result of the task: %v", done)
	}

	// A tool's failure is a task that has completed.
	first := s.submit("say", map[string]any{"text": "item 2"})
	s.end(first)
	failing := until(start("picky", map[string]any{"in_uri": s.uri(first, "out")})["taskId"], "completed")
	if result, _ := failing["result"].(map[string]any); result["isError"] != true {
		t.Errorf("the result of a run that failed: %v", failing)
	}

	// What is not taken is told as to everybody.
	if bad := start("upper", map[string]any{}); bad["isError"] != true || bad["taskId"] != nil || bad["resultType"] != "complete" || bad["_meta"] == nil {
		t.Errorf("a bad call: %v", bad)
	}

	slow := start("slow", nil)
	if _, rpc := s.ask("tasks/update", map[string]any{"taskId": slow["taskId"], "inputResponses": map[string]any{"x": 1}}, tasksCapability); rpc != nil {
		t.Errorf("an answer that nobody asked for: %+v", rpc)
	}
	for range 2 {
		if _, rpc := s.ask("tasks/cancel", map[string]any{"taskId": slow["taskId"]}, tasksCapability); rpc != nil {
			t.Fatal(rpc)
		}
	}
	until(slow["taskId"], "cancelled")
	if _, rpc := s.ask("tasks/get", map[string]any{"taskId": slow["taskId"]}, ""); rpc == nil || rpc.Code != -32021 {
		t.Errorf("a client that declares nothing: %+v", rpc)
	}
}
