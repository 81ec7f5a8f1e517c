package cli

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/ligase-bio/ligase/internal/config"
	"github.com/ligase-bio/ligase/internal/local"
	"github.com/ligase-bio/ligase/internal/problem"
	"github.com/ligase-bio/ligase/internal/runs"
	"github.com/ligase-bio/ligase/steps/worker"
	"github.com/ligase-bio/ligase/uris"
)

func (a *app) engineCommand() *cobra.Command {
	var idle time.Duration
	var jobs int
	cmd := &cobra.Command{
		Use:   "engine",
		Short: "run the engine in the foreground; run starts one by itself when it is needed",
		Long: `Runs the steps of this data folder's runs; with --engine argo, has them run on
the cluster and follows them. Other commands start an engine in the background
when there is work and none is there; it ends by itself when the last run has
ended. Start one by hand to watch its log, or to keep it.`,
		Args: cobra.NoArgs,
		// A folder of definitions may be gone by the time that an engine starts.
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil },
		RunE: func(cmd *cobra.Command, _ []string) error {
			dataDir, err := a.dataDir()
			if err != nil {
				return err
			}
			// Before anything is opened: a second engine is told so at once.
			if held, pid, err := local.Held(dataDir); err == nil && held {
				return fmt.Errorf("the engine of %s: %w by process %d. One engine serves a data folder; it takes new runs by itself", dataDir, problem.ErrLocked, pid)
			}
			log := slog.New(slog.NewJSONHandler(a.Err, nil))
			a.log = log
			service, err := a.open(func(dataDir string, blobs *uris.Store) (runs.Engine, error) {
				if a.config.Engine == config.Argo {
					return a.argoEngine(blobs, log)
				}
				return a.localEngine(dataDir, blobs, jobs, log)
			})
			if err != nil {
				return err
			}
			log.Info("engine started", "data", dataDir, "version", version, "pid", os.Getpid())
			err = local.Serve(cmd.Context(), local.ServeOptions{DataDir: dataDir, Active: service.Busy, Idle: idle}, service.Reconcile)
			log.Info("engine stopped")
			return err
		},
	}
	cmd.Flags().DurationVar(&idle, "idle", 0, "end after this long with nothing to do; 0: stay")
	cmd.Flags().IntVar(&jobs, "jobs", 0, "most tasks at once; 0: as many as the machine's CPUs and memory allow")
	return cmd
}

// localEngine is the engine on this machine's processes.
func (a *app) localEngine(dataDir string, blobs *uris.Store, jobs int, log *slog.Logger) (runs.Engine, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("this program's own path: %w", err)
	}
	// The engine makes commits durable itself, many at a time.
	options, err := a.storeOptions(dataDir)
	if err != nil {
		return nil, err
	}
	options.ReadAny = true
	if a.work, err = uris.NewStore(options); err != nil {
		return nil, err
	}
	w, err := worker.New(worker.Options{
		Store: a.work, WorkDir: filepath.Join(dataDir, "work"),
		Self: self, Version: version, Log: log, Containers: a.containers(),
	})
	if err != nil {
		return nil, err
	}
	return local.New(local.Options{Worker: w, Blobs: blobs, DataDir: dataDir, Jobs: jobs, Sync: true, Log: log})
}
