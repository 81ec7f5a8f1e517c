package steps

// Maker is what made the values of an input: numbers that come with them mean
// something only to those who know whose they are.
type Maker struct {
	Node           string           `json:"node"` // of the run that made them
	Step           string           `json:"step"`
	Version        string           `json:"version"`
	Implementation string           `json:"implementation"`
	Params         map[string]Value `json:"params,omitempty"`  // those that are set, defaults included
	Metrics        []Metric         `json:"metrics,omitempty"` // what the step measures
	Keep           []Threshold      `json:"keep,omitempty"`    // what stays of what it gives
}
