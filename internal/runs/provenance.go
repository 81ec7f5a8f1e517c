package runs

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/ligase-bio/ligase/pipelines"
	"github.com/ligase-bio/ligase/steps"
	"github.com/ligase-bio/ligase/uris"
)

// provenance says of inputs that are outputs of runs what was measured of them
// and what made them, so that a step that gathers them sees the same numbers,
// with the same meaning, as within the pipeline that made them. Only ports that
// take many are given that: their manifests have it.
type provenance struct {
	service *Service
	plans   map[string]*pipelines.Plan                 // by run; nil: there is none to be had
	tasks   map[[2]string]map[uris.Index]*steps.Result // by run and node: what the index has
	makers  map[string]*steps.Maker
	keys    map[string]string // by run/node: into makers
}

func (s *Service) newProvenance() *provenance {
	return &provenance{service: s, plans: map[string]*pipelines.Plan{}, tasks: map[[2]string]map[uris.Index]*steps.Result{}, makers: map[string]*steps.Maker{}, keys: map[string]string{}}
}

// of adds to an input, which a run of the tenant's has committed, where it comes
// from. What cannot be told any more is left out: the input itself is there.
func (p *provenance) of(ctx context.Context, in *pipelines.Input) error {
	ref, ok := p.service.layout.Object(in.URI)
	if !ok {
		return nil
	}
	plan, err := p.plan(ctx, ref.RunID)
	if plan == nil || err != nil {
		return err
	}
	step := plan.Compiled.StepOf(ref.Node)
	if step == nil || step.Output(ref.Port) == nil {
		return nil
	}
	result, err := p.result(ctx, ref.RunID, ref.Node, ref.Index)
	if result == nil || err != nil {
		return err
	}
	for _, o := range result.Outputs[ref.Port] {
		if o.URI != in.URI {
			continue
		}
		if in.Metrics = o.Metrics; len(o.Metrics) == 0 && !step.Output(ref.Port).Many {
			in.Metrics = result.Metrics // what the step measured, it measured of its one value
		}
		in.MadeBy = p.maker(ref.RunID, ref.Node, plan)
	}
	return nil
}

// maker is the key of what made the outputs of a node. Runs of which a node is
// the same have one: who calls a step a thousand times, once for each sequence,
// has used one tool.
func (p *provenance) maker(run, node string, plan *pipelines.Plan) string {
	here := run + "/" + node
	if key, known := p.keys[here]; known {
		return key
	}
	m := plan.Maker(node)
	key := here
	for other, made := range p.makers {
		if reflect.DeepEqual(m, made) {
			key = other
		}
	}
	p.keys[here], p.makers[key] = key, m
	return key
}

// plan is what a run was created with: of one that the index does not have, as
// its claim says. nil: there is none that can be read.
func (p *provenance) plan(ctx context.Context, run string) (*pipelines.Plan, error) {
	if plan, known := p.plans[run]; known {
		return plan, nil
	}
	plan, err := p.service.store.Plan(ctx, ID(run))
	if err != nil {
		claim, claimErr := p.service.readClaim(ctx, ID(run))
		if claimErr == nil {
			plan, claimErr = pipelines.DecodePlan(claim.Plan)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if claimErr != nil {
			plan = nil
		}
	}
	p.plans[run] = plan
	return plan, nil
}

// result is the commit record of a task, from the index where that has the
// run: one question for all tasks of a node.
func (p *provenance) result(ctx context.Context, run, node string, index uris.Index) (*steps.Result, error) {
	known, asked := p.tasks[[2]string{run, node}]
	if !asked {
		known = map[uris.Index]*steps.Result{}
		for filter := (TaskFilter{Node: node, States: []State{Succeeded}, Limit: 10_000}); ; {
			page, err := p.service.store.Tasks(ctx, ID(run), filter)
			if err != nil {
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				break // the commit records tell
			}
			for _, t := range page.Tasks {
				known[t.Index] = t.Result
			}
			if filter.Cursor = page.Next; page.Next == "" {
				break
			}
		}
		p.tasks[[2]string{run, node}] = known
	}
	if r := known[index]; r != nil {
		return r, nil
	}
	data, err := p.service.blobs.ReadAll(ctx, p.service.layout.Run(run).Result(node, index), maxMeta)
	if err != nil {
		return nil, ctx.Err()
	}
	var r steps.Result
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("the commit record of %s in %s: %w", node, run, err)
	}
	return &r, nil
}
