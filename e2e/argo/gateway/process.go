package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// Process is a gateway that runs. It is safe for concurrent use.
type Process struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stderr *bytes.Buffer
	gone   chan struct{} // closed when it has ended
	ended  error         // how, once gone is closed

	mu      sync.Mutex
	next    int
	waiting map[int]chan Answer
}

// ErrGone is the error of a call whose gateway ended before it answered.
var ErrGone = errors.New("the gateway ended before it answered")

// Start starts this program once more, as a gateway.
func Start(c Config) (*Process, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &Process{cmd: exec.Command(self), stderr: &bytes.Buffer{}, gone: make(chan struct{}), waiting: map[int]chan Answer{}}
	p.cmd.Env = append(os.Environ(), variable+"="+string(text))
	p.cmd.Stderr = p.stderr
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go p.listen(stdout)
	return p, nil
}

// listen hands answers out until the process ends.
func (p *Process) listen(stdout io.Reader) {
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var a Answer
		if json.Unmarshal(lines.Bytes(), &a) != nil {
			continue // cut off by a kill
		}
		p.mu.Lock()
		to := p.waiting[a.N]
		delete(p.waiting, a.N)
		p.mu.Unlock()
		if to != nil {
			to <- a
		}
	}
	p.ended = p.cmd.Wait()
	close(p.gone)
}

// PID is the number of its process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Call asks and waits for the answer. What the gateway refuses is in the
// answer; the error is ErrGone, or that of ctx.
func (p *Process) Call(ctx context.Context, r Request) (Answer, error) {
	to := make(chan Answer, 1)
	p.mu.Lock()
	p.next++
	r.N = p.next
	p.waiting[r.N] = to
	line, err := json.Marshal(r)
	if err == nil {
		_, err = p.stdin.Write(append(line, '\n'))
	}
	p.mu.Unlock()
	if err != nil {
		select {
		case <-p.gone:
			return Answer{}, p.lost()
		case <-time.After(settle):
			return Answer{}, err
		}
	}
	select {
	case a := <-to:
		return a, nil
	case <-p.gone:
		select {
		case a := <-to: // it answered, and then ended
			return a, nil
		default:
			return Answer{}, p.lost()
		}
	case <-ctx.Done():
		return Answer{}, ctx.Err()
	}
}

// lost is ErrGone with what the process said last.
func (p *Process) lost() error {
	return fmt.Errorf("%w: %v: %s", ErrGone, p.ended, bytes.TrimSpace(p.stderr.Bytes()))
}

// Kill ends it as `kill -9` does, and waits until it is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.gone
}

// Said is what it wrote on its standard error, once it has ended.
func (p *Process) Said() string {
	<-p.gone
	return p.stderr.String()
}

// Close has it end by itself, and kills it if that takes too long.
func (p *Process) Close() error {
	_ = p.stdin.Close()
	select {
	case <-p.gone:
	case <-time.After(settle):
		p.Kill()
		return fmt.Errorf("the gateway did not end within %s of its input", settle)
	}
	if p.ended != nil {
		return p.lost()
	}
	return nil
}
