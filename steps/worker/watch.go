package worker

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/ligase-bio/ligase/internal/plain"
	"github.com/ligase-bio/ligase/steps"
)

// signs are what any program's log may say about why it fails. The order
// matters: an earlier sign is the more telling one when a log has several.
var signs = [...]struct {
	text string
	code steps.FailureCode
}{
	{"CUDA out of memory", steps.FailGPUOOM},
	{"CUDA_ERROR_OUT_OF_MEMORY", steps.FailGPUOOM},
	{"cudaErrorMemoryAllocation", steps.FailGPUOOM},
	{"CUBLAS_STATUS_ALLOC_FAILED", steps.FailGPUOOM},
	{"HIP out of memory", steps.FailGPUOOM},
	{"RESOURCE_EXHAUSTED: Out of memory", steps.FailGPUOOM}, // XLA
	{"Out of memory: Killed process", steps.FailOOM},        // the kernel
	{"oom-kill event", steps.FailOOM},                       // Slurm
	{"std::bad_alloc", steps.FailOOM},
	{"MemoryError", steps.FailOOM},
	{"java.lang.OutOfMemoryError", steps.FailOOM},
	{"Cannot allocate memory", steps.FailOOM},
	{"No space left on device", steps.FailDisk},
}

// A watcher reads along with a command's log: how far it has come, and what
// it says about why it fails. A line is only evidence: whether the attempt
// failed is decided by its exit and its outputs.
type watcher struct {
	progress *regexp.Regexp
	done     int // the groups of progress
	total    int
	report   func(fraction float64, line string)
	reported time.Time

	patterns []logPattern

	declared finding // by the implementation's own patterns: the first line that one matched
	general  finding // by the signs above, the most telling
	rank     int     // of general, plus one
}

type logPattern struct {
	re   *regexp.Regexp
	code steps.FailureCode
}

// finding is a line of the log that names a failure.
type finding struct {
	code steps.FailureCode
	line string
}

// found is the best finding; the implementation's author knows the tool
// better than we do.
func (w *watcher) found() finding {
	if w.declared.code != "" {
		return w.declared
	}
	return w.general
}

// reportEvery bounds how often progress is passed on.
const reportEvery = 100 * time.Millisecond

// see takes a piece of log: whole lines, or a part of one that is longer than
// the pump's buffer.
func (w *watcher) see(piece []byte) {
	for i := range signs {
		if w.rank > 0 && i+1 >= w.rank {
			break
		}
		at := bytes.Index(piece, []byte(signs[i].text))
		if at >= 0 {
			start := 1 + bytes.LastIndexAny(piece[:at], "\r\n")
			end := len(piece)
			if n := bytes.IndexAny(piece[at:], "\r\n"); n >= 0 {
				end = at + n
			}
			w.general, w.rank = finding{signs[i].code, telling(piece[start:end], at-start)}, i+1
		}
	}
	patterns := w.patterns
	if w.declared.code != "" {
		patterns = nil
	}
	if len(patterns) == 0 && (w.progress == nil || w.report == nil) {
		return
	}
	for len(piece) > 0 {
		line := piece
		if n := bytes.IndexAny(piece, "\r\n"); n >= 0 {
			line, piece = piece[:n], piece[n+1:]
		} else {
			piece = nil
		}
		if len(line) == 0 {
			continue
		}
		for _, p := range patterns {
			if m := p.re.FindIndex(line); m != nil {
				w.declared, patterns = finding{p.code, telling(line, m[0])}, nil
				break
			}
		}
		w.seeProgress(line)
	}
}

// telling is a line as a person would see it, from a little before what was
// found in it, where that is so far in that it would be cut off.
func telling(line []byte, at int) string {
	const before, far = 80, 200
	if at < far {
		return plain.Line(line)
	}
	at -= before
	for at > 0 && !utf8.RuneStart(line[at]) {
		at--
	}
	return "…" + plain.Line(line[at:])
}

func (w *watcher) seeProgress(line []byte) {
	if w.progress == nil || w.report == nil {
		return
	}
	m := w.progress.FindSubmatchIndex(line)
	if m == nil {
		return
	}
	number := func(group int) (float64, bool) {
		if m[2*group] < 0 {
			return 0, false
		}
		v, err := strconv.ParseFloat(string(line[m[2*group]:m[2*group+1]]), 64)
		return v, err == nil
	}
	done, ok1 := number(w.done)
	total, ok2 := number(w.total)
	if !ok1 || !ok2 || !(total > 0) || !(done >= 0) {
		return
	}
	if done < total && time.Since(w.reported) < reportEvery {
		return
	}
	w.reported = time.Now()
	w.report(min(done/total, 1), plain.Line(line))
}

// patterns compiles and keeps the expressions of implementations: there are
// few of them, and every attempt needs them.
type patterns struct {
	mu    sync.Mutex
	cache map[string]*regexp.Regexp
}

func (p *patterns) get(expr string) (*regexp.Regexp, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if re := p.cache[expr]; re != nil {
		return re, nil
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, err
	}
	if p.cache == nil || len(p.cache) > 1000 {
		p.cache = map[string]*regexp.Regexp{}
	}
	p.cache[expr] = re
	return re, nil
}

// watcher prepares the watcher of one attempt.
func (p *patterns) watcher(impl *steps.Implementation, report func(float64, string)) (*watcher, error) {
	w := &watcher{report: report}
	for _, f := range impl.Failures {
		re, err := p.get(f.Pattern)
		if err != nil {
			return nil, fmt.Errorf("its failure pattern %q is not a valid expression: %w", f.Pattern, err)
		}
		w.patterns = append(w.patterns, logPattern{re, f.Code})
	}
	if impl.Progress != "" && report != nil {
		re, err := p.get(impl.Progress)
		if err != nil {
			return nil, fmt.Errorf("its progress pattern %q is not a valid expression: %w", impl.Progress, err)
		}
		w.progress, w.done, w.total = re, re.SubexpIndex("done"), re.SubexpIndex("total")
		if w.done < 0 || w.total < 0 {
			w.progress = nil
		}
	}
	return w, nil
}
