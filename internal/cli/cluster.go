package cli

import (
	"context"
	"io"
	"log/slog"

	"github.com/ligase-bio/ligase/internal/argo"
	"github.com/ligase-bio/ligase/internal/config"
	"github.com/ligase-bio/ligase/internal/local"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/uris"
)

// argoOptions are how the configuration says to reach the cluster.
func (a *app) argoOptions() (argo.Options, error) {
	c, err := a.settings()
	if err != nil {
		return argo.Options{}, err
	}
	o := argo.Options{
		Namespace: c.Argo.Namespace, Kubeconfig: c.Argo.Kubeconfig, Context: c.Argo.Context,
		QPS: float32(c.Argo.QPS), Burst: c.Argo.Burst, AllowDrift: c.Argo.AllowDrift, Version: version,
	}
	if o.Namespace == "" {
		o.Namespace = config.DefaultNamespace
	}
	return o, nil
}

// argoEngine is the engine on the cluster.
func (a *app) argoEngine(blobs *uris.Store, log *slog.Logger) (*argo.Engine, error) {
	o, err := a.argoOptions()
	if err != nil {
		return nil, err
	}
	o.Blobs, o.Log = blobs, log
	return argo.New(o)
}

// follower is the engine argo as seen from a command. A process in the
// background follows the cluster and keeps the database; what a command asks
// the cluster for itself, it asks directly.
type follower struct {
	*local.Remote
	cluster *argo.Engine
}

func newFollower(process *local.Remote, cluster *argo.Engine) runs.Engine {
	return follower{process, cluster}
}

// Name is "argo".
func (f follower) Name() string { return argo.Name }

func (f follower) Logs(ctx context.Context, q runs.LogQuery) (io.ReadCloser, error) {
	return f.cluster.Logs(ctx, q)
}

// Events tells what Kubernetes says of a run.
func (f follower) Events(ctx context.Context, run runs.Run, limit int) ([]runs.Event, error) {
	return f.cluster.Events(ctx, run, limit)
}
