package runs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ligase-bio/ligase/dag"
	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// Summary is the small JSON that a run boils down to: the one shape that
// every surface shows. It has at most [SummaryBytes], whatever the run's size.
type Summary struct {
	RunID        ID                    `json:"run_id"`
	WorkflowName string                `json:"workflow_name"`
	Tool         string                `json:"tool"`
	Status       State                 `json:"status"`
	Waiting      string                `json:"waiting,omitempty"`
	StaleSince   time.Time             `json:"stale_since,omitzero"` // since when the cluster has not been heard of: what follows was true then
	StartedAt    time.Time             `json:"started_at,omitzero"`
	FinishedAt   time.Time             `json:"finished_at,omitzero"`
	Progress     Progress              `json:"progress"`
	Metrics      map[string]float64    `json:"metrics,omitempty"`
	OutputURIs   map[string]OutputList `json:"output_uris,omitempty"`
	Preview      map[string][]string   `json:"preview,omitempty"`
	Next         []NextStep            `json:"next,omitempty"`
	Error        *steps.Failure        `json:"error,omitempty"`
	ResourceURI  string                `json:"resource_uri"`
}

const (
	// SummaryBytes is how long the JSON of a summary is at most.
	SummaryBytes = 4 << 10
	// SummaryURIs is how many URIs of a port that gives many a summary shows.
	SummaryURIs = 3
)

// OutputList is the value of an output port. A port that gives one is a JSON
// string, the URI; one that gives many an object with the count, the first
// few URIs, and the resource that pages through the rest.
type OutputList struct {
	Many     bool
	Count    int
	URIs     []uris.URI // all of one; at most SummaryURIs of many
	Resource string
}

// manyOutputs is the JSON of an OutputList of many.
type manyOutputs struct {
	Count    int        `json:"count"`
	URIs     []uris.URI `json:"uris,omitempty"`
	Resource string     `json:"resource"`
}

// MarshalJSON writes a string for one, an object for many.
func (l OutputList) MarshalJSON() ([]byte, error) {
	if !l.Many && len(l.URIs) == 1 {
		return json.Marshal(l.URIs[0])
	}
	return json.Marshal(manyOutputs{l.Count, l.URIs, l.Resource})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (l *OutputList) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte{'"'}) {
		var u uris.URI
		if err := json.Unmarshal(data, &u); err != nil {
			return err
		}
		*l = OutputList{Count: 1, URIs: []uris.URI{u}}
		return nil
	}
	var m manyOutputs
	if err := json.Unmarshal(data, &m); err != nil {
		return err
	}
	*l = OutputList{Many: true, Count: m.Count, URIs: m.URIs, Resource: m.Resource}
	return nil
}

// ResourceURI names a run's summary as a resource.
func ResourceURI(id ID) string { return fmt.Sprintf("resource://runs/%s/summary", id) }

// OutputResource names the listing of an output port as a resource.
func OutputResource(id ID, port string) string {
	return fmt.Sprintf("resource://runs/%s/outputs/%s", id, port)
}

// summaryOf is the final summary of a run that has ended, else what is known.
func (s *Service) summaryOf(ctx context.Context, run Run) (Summary, error) {
	if run.State.Terminal() && run.Summary != nil {
		var sum Summary
		if err := json.Unmarshal(run.Summary, &sum); err != nil {
			return Summary{}, fmt.Errorf("the summary of run %s: %w", run.ID, err)
		}
		return sum, nil
	}
	facts, err := s.facts(ctx, run)
	if err != nil {
		return Summary{}, err
	}
	return Summarize(facts), nil
}

// facts gathers what a summary is made of: a few rows, however many tasks
// there are.
func (s *Service) facts(ctx context.Context, run Run) (Facts, error) {
	plan, err := s.store.Plan(ctx, run.ID)
	if err != nil {
		return Facts{}, err
	}
	f := Facts{Run: run, Plan: plan, Metrics: map[string]map[string]float64{}, Stale: s.StaleSince()}
	c := plan.Compiled
	if f.Outputs, err = s.firstOutputs(ctx, run.ID, c); err != nil {
		return Facts{}, err
	}
	for _, o := range c.Outputs {
		node := c.Node(o.From.Node)
		if c.StepOf(node.ID).Implementation(node.Implementation).Metrics == "" {
			continue // it measures nothing
		}
		if _, done := f.Metrics[node.ID]; done {
			continue
		}
		tasks, err := s.store.Tasks(ctx, run.ID, TaskFilter{Node: node.ID, Limit: 1})
		if err != nil {
			return Facts{}, err
		}
		if len(tasks.Tasks) == 1 && tasks.Tasks[0].Index == "" && tasks.Tasks[0].Result != nil {
			f.Metrics[node.ID] = tasks.Tasks[0].Result.Metrics
		}
	}
	if run.State == Succeeded {
		f.Next = s.nextSteps(plan, f.Outputs)
	}
	return f, nil
}

// firstOutputs are the first few objects of each output port, and how many it
// has. Of a run that has not made many objects, all are asked for at once.
func (s *Service) firstOutputs(ctx context.Context, id ID, c *pipelines.Compiled) (map[string]OutputPage, error) {
	const together = 32 // objects of a run that costs less to read than to ask for by port
	made, err := s.store.Outputs(ctx, id, OutputFilter{Limit: max(together, 2*len(c.Outputs))})
	if err != nil {
		return nil, err
	}
	pages := make(map[string]OutputPage, len(c.Outputs))
	if made.Next == "" {
		by := map[dag.Endpoint]OutputPage{}
		for _, ref := range made.Outputs {
			from := dag.Endpoint{Node: ref.Node, Port: ref.Port}
			page := by[from]
			page.Total++
			if page.Total <= SummaryURIs {
				page.Outputs = append(page.Outputs, ref)
			}
			by[from] = page
		}
		for _, o := range c.Outputs {
			pages[o.Port.Name] = by[o.From]
		}
		return pages, nil
	}
	for _, o := range c.Outputs {
		page, err := s.store.Outputs(ctx, id, OutputFilter{Node: o.From.Node, Port: o.From.Port, Limit: SummaryURIs})
		if err != nil {
			return nil, err
		}
		pages[o.Port.Name] = page
	}
	return pages, nil
}

// runOf finds a run whose tenant may not be at hand; nil when it is not active.
func (s *Service) runOf(ctx context.Context, id ID) (*Run, error) {
	if tenant, ok := s.desk.tenantOf(id); ok {
		run, err := s.store.Get(ctx, tenant, id)
		return &run, err
	}
	active, err := s.store.Active(ctx)
	if err != nil {
		return nil, err
	}
	for i := range active {
		if active[i].ID == id {
			return &active[i], nil
		}
	}
	return nil, nil
}

// writeSummary adds the summary that is missing from a run that has ended.
func (s *Service) writeSummary(ctx context.Context, run Run) error {
	data, err := s.summaryJSON(ctx, run)
	if err != nil {
		return err
	}
	return s.store.SetSummary(ctx, run.ID, data)
}
