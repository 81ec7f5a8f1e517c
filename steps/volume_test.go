package steps_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ligase-bio/ligase/steps"
)

const withVolumes = `
name: s
version: 1.0.0
title: S
description: D.
outputs: {o: {type: t, format: f}}
implementations:
  a:
    image: a/b:1
    command: [a]
    collect: {o: o}
    volumes: VOLUMES
`

func TestVolumes(t *testing.T) {
	step, problems := steps.ParseStep("s.yaml", []byte(strings.Replace(withVolumes, "VOLUMES",
		`{esmfold-weights: {at: /weights/esmfold, description: Theirs., files: [checkpoints/a.pt, "*.json|c/*.yaml"], get: "fetch it"}, db: {at: /db}}`, 1)))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	want := []steps.Volume{
		{Name: "esmfold-weights", At: "/weights/esmfold", Description: "Theirs.", Files: []string{"checkpoints/a.pt", "*.json|c/*.yaml"}, Get: "fetch it"},
		{Name: "db", At: "/db"},
	}
	if diff := cmp.Diff(want, step.Implementations[0].Volumes); diff != "" {
		t.Error(diff)
	}
	for volumes, message := range map[string]string{
		`{Weights_1: {at: /w}}`:            "cannot be the name of a volume",
		`{w-: {at: /w}}`:                   "cannot be the name of a volume",
		`{w: {}}`:                          "at",
		`{w: {at: weights}}`:               "is not where a volume can be",
		`{w: {at: /w/../x}}`:               "is not where a volume can be",
		`{w: {at: "/$(work)/x"}}`:          "is not where a volume can be",
		`{w: {at: /}}`:                     "/ is taken in containers",
		`{w: {at: /usr}}`:                  "/usr is taken in containers",
		`{w: {at: /tmp/w}}`:                "lies below /tmp",
		`{w: {at: /ligase/w}}`:             "lies below /ligase",
		`{w: {at: /w}, v: {at: /w/v}}`:     "w and v lie in each other",
		`{w: {at: /w, files: [../x]}}`:     "not a path below the volume",
		`{w: {at: /w, files: ["a/**/b"]}}`: "not a pattern",
		`{w: {at: /w, files: ["a|../x"]}}`: "not a path below the volume",
		`{w: {at: /w, files: ["a | b"]}}`:  "not a path below the volume",
		`{w: {at: /w, files: ["a|"]}}`:     "not a path below the volume",
		`{w: {at: /w, claim: x}}`:          "claim",
		`[{name: w, at: /w}]`:              "volumes",
	} {
		_, problems := steps.ParseStep("s.yaml", []byte(strings.Replace(withVolumes, "VOLUMES", volumes, 1)))
		if len(problems) != 1 || !strings.Contains(problems.Error(), message) {
			t.Errorf("%s: %v, want one: …%s…", volumes, problems, message)
		}
	}
}
