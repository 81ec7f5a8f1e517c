package argo

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/argoproj/argo-workflows/v3/pkg/client/clientset/versioned"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/ligase-bio/ligase/uris"
)

// Name is what this engine is called in runs and summaries.
const Name = "argo"

// Options configure an Engine. Namespace and Blobs are required.
type Options struct {
	Namespace string      // of the WorkflowTemplates and the Workflows
	Blobs     *uris.Store // holds the run folders

	// How to reach the cluster: RESTConfig, or else the file Kubeconfig (empty:
	// $KUBECONFIG, ~/.kube/config, or the pod's own service account) with its
	// Context (empty: the current one).
	RESTConfig *rest.Config
	Kubeconfig string
	Context    string
	QPS        float32 // calls a second to the API server; 0: 200, for many users behind one gateway
	Burst      int     // 0: 400

	// AllowDrift has runs start on a WorkflowTemplate that was rendered from
	// another definition than theirs.
	AllowDrift bool
	Version    string // of ligase, kept with each Workflow

	// ImageWait is how long an image that cannot be pulled, or a volume that is
	// not there, is waited for before the run fails; 0: 2 minutes.
	ImageWait time.Duration
	// ScheduleWait is how long a pod that fits on no machine is waited for
	// before the run fails; 0: for ever, as clusters grow and machines get free.
	ScheduleWait time.Duration
	// Resync is how often a run that nothing was heard of is looked at; 0: 2
	// minutes.
	Resync time.Duration
	// CallTimeout bounds a call to the API server; 0: 20 s.
	CallTimeout time.Duration

	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil discards
}

func (o Options) withDefaults() (Options, error) {
	switch {
	case o.Namespace == "":
		return o, errors.New("argo engine: no namespace is given; name the one in which the WorkflowTemplates are")
	case o.Blobs == nil:
		return o, errors.New("argo engine: no store is given")
	}
	o.QPS = cmp.Or(o.QPS, 200)
	o.Burst = cmp.Or(o.Burst, 400)
	o.ImageWait = cmp.Or(o.ImageWait, 2*time.Minute)
	o.Resync = cmp.Or(o.Resync, 2*time.Minute)
	o.CallTimeout = cmp.Or(o.CallTimeout, 20*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

// restConfig is how to reach the cluster.
func (o Options) restConfig() (*rest.Config, error) {
	config := o.RESTConfig
	if config == nil {
		rules := clientcmd.NewDefaultClientConfigLoadingRules()
		rules.ExplicitPath = o.Kubeconfig
		var err error
		config, err = clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules,
			&clientcmd.ConfigOverrides{CurrentContext: o.Context}).ClientConfig()
		if err != nil {
			return nil, fmt.Errorf("the Kubernetes cluster is not known: %w. Set KUBECONFIG, or name a kubeconfig file and a context", err)
		}
	}
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = o.QPS, o.Burst
	config.UserAgent = "ligase/" + cmp.Or(o.Version, "unknown")
	return config, nil
}

// clients are what the engine calls the cluster by.
type clients struct {
	argo versioned.Interface
	kube kubernetes.Interface
}

func (o Options) clients() (clients, error) {
	config, err := o.restConfig()
	if err != nil {
		return clients{}, err
	}
	workflows, err := versioned.NewForConfig(config)
	if err != nil {
		return clients{}, fmt.Errorf("argo engine: %w", err)
	}
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return clients{}, fmt.Errorf("argo engine: %w", err)
	}
	return clients{workflows, kube}, nil
}
