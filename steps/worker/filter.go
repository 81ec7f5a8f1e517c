package worker

import "github.com/ligase-bio/ligase/steps"

// filter judges what the attempt made by the task's thresholds: the items of
// ports that give many, each by its own metrics, and the task as a whole, for
// which it returns what it does not meet. What is filtered is committed all the
// same: it was paid for, and says why it went no further.
func (a *attempt) filter(c *collected) (*steps.Filtered, *steps.Failure) {
	var whole *steps.Filtered
	for i := range a.task.Keep {
		t := &a.task.Keep[i]
		if t.Port == "" {
			why, err := t.Judge(c.metrics)
			if err != nil {
				return nil, fail(steps.FailOutputContract, a.endedWell()+", but %v.", err)
			}
			if whole == nil {
				whole = why
			}
			continue
		}
		for k := range c.files {
			o := &c.files[k]
			if o.port.Name != t.Port || o.filtered != nil {
				continue
			}
			var err error
			if o.filtered, err = t.Judge(o.metrics); err != nil {
				return nil, fail(steps.FailOutputContract, a.endedWell()+", but of item %d of `%s` %v.", o.item, t.Port, err)
			}
		}
	}
	return whole, nil
}
