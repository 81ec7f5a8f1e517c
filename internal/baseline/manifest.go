package baseline

import (
	"cmp"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// manifest lists the items that a step gathers, as the worker writes it for
// $(inputs.x.manifest); the JSON keys are the contract.
type manifest struct {
	Port  string         `json:"port"`
	Items []manifestItem `json:"items"`
}

type manifestItem struct {
	Index  string           `json:"index"`          // "3.5": the sixth item of the fourth
	Path   string           `json:"path,omitempty"` // of the file; empty when the item failed
	URI    string           `json:"uri,omitempty"`
	Failed *manifestFailure `json:"failed,omitempty"`
}

type manifestFailure struct {
	Node    string `json:"node"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// readManifest returns the items by index.
func readManifest(path string) (map[string]manifestItem, error) {
	const most = 256 << 20 // bytes
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, most+1))
	if err != nil {
		return nil, err
	}
	if len(data) > most {
		return nil, refusef("The manifest %s is over 256 MiB.", filepath.Base(path))
	}
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, refusef("%s is not a manifest (JSON with \"items\"): %v.", filepath.Base(path), err)
	}
	items := make(map[string]manifestItem, len(m.Items))
	for _, item := range m.Items {
		if _, twice := items[item.Index]; twice {
			return nil, refusef("The manifest %s lists item %q twice.", filepath.Base(path), item.Index)
		}
		if !validIndex(item.Index) {
			return nil, refusef("The manifest %s has the item %.40q; an index is numbers joined by dots.", filepath.Base(path), item.Index)
		}
		if item.Path == "" && item.Failed == nil {
			return nil, refusef("The manifest %s has neither a path nor a failure for item %q.", filepath.Base(path), item.Index)
		}
		items[item.Index] = item
	}
	return items, nil
}

func validIndex(index string) bool {
	if index == "" {
		return true
	}
	for part := range strings.SplitSeq(index, ".") {
		if n, err := strconv.Atoi(part); err != nil || n < 0 {
			return false
		}
	}
	return true
}

// compareIndex orders indexes by their numbers: 2 before 10, 3 before 3.0.
func compareIndex(a, b string) int {
	for a != "" && b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		m, _ := strconv.Atoi(x)
		n, _ := strconv.Atoi(y)
		if c := cmp.Compare(m, n); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b)) // one of them is empty
}

// indexes returns every index of the maps, in order.
func indexes(maps ...map[string]manifestItem) []string {
	var all []string
	for _, m := range maps {
		for index := range m {
			all = append(all, index)
		}
	}
	slices.SortFunc(all, compareIndex)
	return slices.Compact(all)
}
