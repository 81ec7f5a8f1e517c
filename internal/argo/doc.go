// Package argo runs plans on Kubernetes by Argo Workflows. It implements
// runs.Engine.
//
// A run is one Workflow that refers to a WorkflowTemplate (see package
// templates) and brings nothing but arguments. What it came to is decided by
// the run's account (package follow), which is told how the tasks ended: by
// the nodes of the Workflow, which say when, and by the commit and failure
// records in the store, which say how. The Workflow's own phase only says that
// nothing more will happen.
//
// The engine keeps no state of its own. Stopped and started again, or on
// another replica, it finds the Workflow by its name, checks that it is the
// run's, and goes on.
package argo
