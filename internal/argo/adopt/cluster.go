package adopt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/pkg/client/clientset/versioned"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/ligase-bio/ligase/internal/problem"
)

// Connect reaches the cluster that a kubeconfig file (empty: $KUBECONFIG,
// ~/.kube/config, or the pod's own identity) says, in one of its contexts
// (empty: the current one).
func Connect(kubeconfig, kubecontext string) (versioned.Interface, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules,
		&clientcmd.ConfigOverrides{CurrentContext: kubecontext}).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("the Kubernetes cluster is not known: %w: %w. Set KUBECONFIG, or name a kubeconfig file and a context", err, problem.ErrUnavailable)
	}
	return versioned.NewForConfig(config)
}

// page is how many templates are asked for at a time: each may be large.
const page = 100

// templatesIn lists the templates of a namespace that have a label, by name.
func templatesIn(ctx context.Context, client versioned.Interface, namespace, selector string) ([]wfv1.WorkflowTemplate, error) {
	var out []wfv1.WorkflowTemplate
	options := metav1.ListOptions{LabelSelector: selector, Limit: page}
	for {
		list, err := client.ArgoprojV1alpha1().WorkflowTemplates(namespace).List(ctx, options)
		if err != nil {
			return nil, unreachable("WorkflowTemplates of the namespace "+namespace, err)
		}
		out = append(out, list.Items...)
		if options.Continue = list.Continue; options.Continue == "" {
			break
		}
	}
	slices.SortFunc(out, func(a, b wfv1.WorkflowTemplate) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// clusterTemplates lists the cluster-wide templates that have a label, by
// name. A cluster that does not let them be listed has none to offer.
func clusterTemplates(ctx context.Context, client versioned.Interface, selector string) ([]wfv1.ClusterWorkflowTemplate, error) {
	list, err := client.ArgoprojV1alpha1().ClusterWorkflowTemplates().List(ctx, metav1.ListOptions{LabelSelector: selector})
	if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, unreachable("ClusterWorkflowTemplates", err)
	}
	slices.SortFunc(list.Items, func(a, b wfv1.ClusterWorkflowTemplate) int { return strings.Compare(a.Name, b.Name) })
	return list.Items, nil
}

// unreachable says that the cluster could not be asked for something.
func unreachable(what string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	switch {
	case apierrors.IsForbidden(err):
		return fmt.Errorf("the cluster does not let %s be listed: %w: %w", what, err, problem.ErrRefused)
	case apierrors.IsNotFound(err):
		return fmt.Errorf("the cluster knows no %s; is Argo Workflows installed? %w: %w", what, err, problem.ErrUnavailable)
	}
	return fmt.Errorf("the cluster could not be asked for %s: %w: %w", what, err, problem.ErrUnavailable)
}
