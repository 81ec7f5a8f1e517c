package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ligase-bio/ligase/e2e/cluster/kube"
)

// checkForeign looks whether the tests can run on a cluster of the user's. It
// changes nothing there.
func (c *cluster) checkForeign(ctx context.Context, kubeconfig string) error {
	kubectl := func(args ...string) (string, error) {
		return output(ctx, 30*time.Second, "kubectl", append([]string{"--kubeconfig", kubeconfig, "--request-timeout=20s"}, args...)...)
	}
	c.say.step("KUBECONFIG names a cluster of yours (%s): installing nothing, only looking", kubeconfig)
	if _, err := kubectl("get", "--raw", "/version"); err != nil {
		return fmt.Errorf("the cluster does not answer: %w", err)
	}
	var wrong []error
	for _, kind := range []string{"workflows", "workflowtemplates", "workflowtaskresults"} {
		if _, err := kubectl("get", kind+".argoproj.io", "--all-namespaces", "--limit=1", "--output=name"); err != nil {
			wrong = append(wrong, fmt.Errorf("Argo's %s cannot be listed: install Argo Workflows (https://argo-workflows.readthedocs.io/en/latest/installation/) or let yourself read them: %w", kind, err))
		}
	}
	controllers, err := kubectl("get", "pods", "--all-namespaces", "--selector=app=workflow-controller", "--field-selector=status.phase=Running", "--output=name")
	switch {
	case err != nil:
		wrong = append(wrong, fmt.Errorf("whether Argo's controller runs cannot be seen: %w", err))
	case strings.TrimSpace(controllers) == "":
		wrong = append(wrong, errors.New("no pod with the label app=workflow-controller runs: start Argo's controller"))
	}
	described, err := kube.Load()
	if err != nil {
		wrong = append(wrong, err)
	}
	if len(wrong) > 0 {
		return errors.Join(wrong...)
	}
	c.say.step("Argo is there. The tests use the namespace %s, the bucket %s at %s (%s from pods)", described.Namespace, described.S3.Bucket, described.S3.Endpoint, described.S3.PodEndpoint)
	c.say.line("\nThe images must be there too, as %s and the like: `make images` writes them to dist/images;\nLIGASE_E2E_IMAGES and LIGASE_E2E_IMAGE_TAG say another name.", described.Image("ligase-worker"))
	return nil
}
