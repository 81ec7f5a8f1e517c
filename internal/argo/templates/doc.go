// Package templates writes what a catalog can run as Argo WorkflowTemplates.
//
// An implementation of a step becomes a template with a pod, a pipeline one
// with a tree of DAGs whose tasks refer to those pods. All that is run stands
// in them: a Workflow that names one and gives arguments says no more than
// what to work on, so a cluster can refuse everything else.
//
// What a template is named and which arguments it takes follows from a
// compiled tool alone: [NameOf], [ArgumentsOf].
package templates
