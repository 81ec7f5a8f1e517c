//go:build cluster

package argo

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/uris"
)

// What the accounts of deploy/base may do, in their own namespace. Everything
// else they may not.
var granted = map[string][]string{
	"ligase-gateway": {
		"create workflows.argoproj.io", "get workflows.argoproj.io", "list workflows.argoproj.io", "watch workflows.argoproj.io", "patch workflows.argoproj.io",
		"get workflowtemplates.argoproj.io", "list workflowtemplates.argoproj.io", "watch workflowtemplates.argoproj.io",
		"get pods", "list pods", "get pods/log", "list pods/log", "list events",
	},
	"ligase-step": {"create workflowtaskresults.argoproj.io", "patch workflowtaskresults.argoproj.io"},
}

// TestAccess asks the API server with each account's own token what it may do:
// in its namespace, in another one, and in the whole cluster. Every other test
// of this package has its engine work with the gateway's token, so what it may
// do is also enough.
func TestAccess(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	verbs := []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "impersonate", "escalate", "bind", "*"}
	resources := []string{
		"workflows.argoproj.io", "workflowtemplates.argoproj.io", "clusterworkflowtemplates.argoproj.io", "cronworkflows.argoproj.io",
		"workfloweventbindings.argoproj.io", "workflowtasksets.argoproj.io", "workflowtaskresults.argoproj.io", "workflowartifactgctasks.argoproj.io",
		"pods", "pods/log", "pods/exec", "pods/attach", "pods/portforward", "pods/eviction", "pods/ephemeralcontainers", "events",
		"secrets", "configmaps", "serviceaccounts", "serviceaccounts/token", "services", "persistentvolumeclaims", "nodes", "namespaces",
		"deployments.apps", "jobs.batch", "roles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io",
		"clusterroles.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io", "*", "*.*",
	}
	for account, may := range granted {
		t.Run(account, func(t *testing.T) {
			t.Parallel()
			config := rest.CopyConfig(s.gateway)
			config.BearerToken = strings.TrimSpace(s.kubectl("create", "token", account))
			config.QPS, config.Burst = 500, 1000
			client := must(kubernetes.NewForConfig(config))(t)
			allowed := func(namespace, verb, resource string) bool {
				resource, sub, _ := strings.Cut(resource, "/")
				resource, group, _ := strings.Cut(resource, ".")
				review := must(client.AuthorizationV1().SelfSubjectAccessReviews().Create(t.Context(), &authorizationv1.SelfSubjectAccessReview{
					Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
						Namespace: namespace, Verb: verb, Group: group, Resource: resource, Subresource: sub,
					}},
				}, metav1.CreateOptions{}))(t)
				return review.Status.Allowed
			}
			for _, resource := range resources {
				for _, verb := range verbs {
					what := verb + " " + resource
					if got, want := allowed(s.namespace, verb, resource), slices.Contains(may, what); got != want {
						t.Errorf("%s in its namespace: %t, want %t", what, got, want)
					}
				}
			}
			// A cluster's own administrator decides what everybody may do
			// elsewhere; here that is nothing of what the accounts need.
			for _, what := range slices.Concat(may, []string{"get secrets", "create pods", "create workflowtemplates.argoproj.io", "delete workflows.argoproj.io"}) {
				verb, resource, _ := strings.Cut(what, " ")
				for _, place := range []string{"default", "kube-system", s.cluster.ControllerNamespace, ""} {
					if allowed(place, verb, resource) {
						t.Errorf("it may %s in %q", what, place)
					}
				}
			}
		})
	}
}

// TestStepsHaveNoToken looks at the pod of a step: of its containers only
// Argo's own can speak to the API server.
func TestStepsHaveNoToken(t *testing.T) {
	t.Parallel()
	s := newFaultSite(t)
	r := s.replica(t, nil, uris.URI{}, nil)
	id := r.submit(t, runs.SubmitRequest{Tool: "snoop"}).ID
	run, sum := r.end(t, id, 3*time.Minute)
	is(t, run, runs.Succeeded, "")
	if found := r.output(t, sum, "out"); found != "nothing\n" {
		t.Errorf("a step's command found tokens or credentials:\n%s", found)
	}
	pods := must(s.kube.CoreV1().Pods(s.namespace).List(t.Context(), metav1.ListOptions{}))(t)
	if len(pods.Items) != 1 {
		t.Fatalf("the run has %d pods, want 1", len(pods.Items))
	}
	pod := pods.Items[0]
	const tokens = "/var/run/secrets/kubernetes.io/serviceaccount"
	var have []string
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		for _, m := range c.VolumeMounts {
			if m.MountPath == tokens {
				have = append(have, c.Name)
			}
		}
	}
	if fmt.Sprint(have) != "[init wait]" {
		t.Errorf("the containers with a token are %q, want Argo's own, init and wait", have)
	}
	if pod.Spec.ServiceAccountName != "ligase-step" {
		t.Errorf("the pod is of the account %q", pod.Spec.ServiceAccountName)
	}
}
