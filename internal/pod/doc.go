// Package pod is ligase-worker: the one task that a pod of a Workflow is. From
// its environment it has what the run was given, the compiled pipeline and its
// own step; what came of the tasks before it, it reads in the run's folder. So
// a run needs nobody who hands results from pod to pod, and a template can be
// submitted by hand.
//
// A [Job] is the task; [Program] carries it through from the environment to
// the exit code.
package pod
