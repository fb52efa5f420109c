package ffmpeg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Guards are the limits a process runs under. The zero value stands for the defaults, which admit 8K video.
type Guards struct {
	Pixels  int           // width × height of the largest picture a decoder may open; 0 means MaxPixels
	Memory  int64         // bytes of private memory, enforced on Linux; 0 means MaxMemory
	Timeout time.Duration // wall clock; 0 means no limit but the context's
}

// The default guards. MaxBlock bounds every single allocation, which is what holds on systems without a limit on
// another process's memory.
const (
	MaxPixels = 8192 * 8192
	MaxMemory = 4 << 30
	MaxBlock  = 1 << 30
)

// Cmd is one run of ffmpeg or ffprobe. Its methods mean what those of exec.Cmd mean, except that a failure is
// reported as a *Failure with what the program said, and that stderr is not the caller's.
type Cmd struct {
	exec     *exec.Cmd
	tool     string
	guards   Guards
	ctx      context.Context
	cancel   context.CancelFunc
	messages tail
	extra    []*os.File // our copies of the child's ends, closed once it has them
}

// Failure is a run that did not end well.
type Failure struct {
	Tool     string // "ffmpeg" or "ffprobe"
	Messages string // what it printed on stderr, the last few kilobytes, trimmed
	Err      error  // how it ended: an *exec.ExitError, or why its context ended
}

// Error returns the last line the program said, or how it ended when it said nothing.
func (f *Failure) Error() string {
	lines := strings.Split(f.Messages, "\n")
	if last := strings.TrimSpace(lines[len(lines)-1]); last != "" {
		return fmt.Sprintf("%s: %s (%v)", f.Tool, last, f.Err)
	}
	return fmt.Sprintf("%s: %v", f.Tool, f.Err)
}

// Unwrap returns how the run ended.
func (f *Failure) Unwrap() error { return f.Err }

// Command prepares a run of ffmpeg with args, which follow -nostdin, -y, -xerror and the guards. With -xerror damaged
// input and exhausted memory are failures, which ffmpeg else takes for the end of the input; -noxerror undoes it. The
// pixel limit is an option of the first input; give it again with PixelLimit before further ones. The run ends when
// ctx does. The error is Find's.
func Command(ctx context.Context, guards Guards, args ...string) (*Cmd, error) {
	return command(ctx, "ffmpeg", guards, append([]string{"-nostdin", "-y", "-xerror"}, args...))
}

// Probe prepares a run of ffprobe, as Command does for ffmpeg.
func Probe(ctx context.Context, guards Guards, args ...string) (*Cmd, error) {
	return command(ctx, "ffprobe", guards, args)
}

// PixelLimit returns the arguments that make the decoders of the next input refuse pictures over the guard.
func (g Guards) PixelLimit() []string {
	if g.Pixels <= 0 {
		g.Pixels = MaxPixels
	}
	return []string{"-max_pixels", strconv.Itoa(g.Pixels)}
}

func command(ctx context.Context, tool string, guards Guards, args []string) (*Cmd, error) {
	path, err := Find(tool)
	if err != nil {
		return nil, err
	}
	if guards.Memory <= 0 {
		guards.Memory = MaxMemory
	}
	c := &Cmd{tool: tool, guards: guards}
	if guards.Timeout > 0 {
		c.ctx, c.cancel = context.WithTimeoutCause(ctx, guards.Timeout,
			fmt.Errorf("%s ran longer than its limit of %v: %w", tool, guards.Timeout, context.DeadlineExceeded))
	} else {
		c.ctx, c.cancel = context.WithCancel(ctx)
	}
	full := []string{"-hide_banner", "-loglevel", "error", "-max_alloc", strconv.Itoa(MaxBlock)}
	full = append(full, guards.PixelLimit()...)
	c.exec = exec.CommandContext(c.ctx, path, append(full, args...)...)
	c.exec.Env = environment()
	c.exec.Stderr = &c.messages
	c.exec.WaitDelay = 2 * time.Second
	isolate(c.exec)
	return c, nil
}

// environment returns our environment without the variables that make ffmpeg write reports or colour its messages.
func environment() []string {
	env := []string{"AV_LOG_FORCE_NOCOLOR=1"}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "FFREPORT=") && !strings.HasPrefix(v, "AV_LOG_FORCE_") {
			env = append(env, v)
		}
	}
	return env
}

// StdinPipe returns the pipe the program reads as pipe:0; close it to end the input.
func (c *Cmd) StdinPipe() (io.WriteCloser, error) { return c.exec.StdinPipe() }

// StdoutPipe returns the pipe the program writes as pipe:1; read it to its end before Wait.
func (c *Cmd) StdoutPipe() (io.ReadCloser, error) { return c.exec.StdoutPipe() }

// ExtraPipe returns a further pipe the program writes, the first as pipe:3, the next as pipe:4. The caller closes it.
func (c *Cmd) ExtraPipe() (io.ReadCloser, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("open a pipe from %s: %w", c.tool, err)
	}
	c.exec.ExtraFiles = append(c.exec.ExtraFiles, w)
	c.extra = append(c.extra, w)
	return r, nil
}

// Start starts the program and puts the limits on it.
func (c *Cmd) Start() error {
	err := c.exec.Start()
	for _, f := range c.extra {
		f.Close()
	}
	if err != nil {
		c.cancel()
		return &Failure{Tool: c.tool, Err: err}
	}
	limitMemory(c.exec.Process.Pid, c.guards.Memory)
	return nil
}

// Wait waits for the program to end. A run ended by its context or its time limit says so.
func (c *Cmd) Wait() error {
	err := c.exec.Wait()
	ended := context.Cause(c.ctx)
	c.cancel()
	if err == nil {
		return nil
	}
	if ended != nil {
		err = ended
	}
	return &Failure{Tool: c.tool, Messages: c.Messages(), Err: err}
}

// Kill ends the program and all it started; Wait still has to be called.
func (c *Cmd) Kill() { c.cancel() }

// Run starts the program and waits for it.
func (c *Cmd) Run() error {
	if err := c.Start(); err != nil {
		return err
	}
	return c.Wait()
}

// MaxOutput bounds what Output holds in memory.
const MaxOutput = 64 << 20

// Output runs the program and returns what it wrote on pipe:1, at most MaxOutput bytes.
func (c *Cmd) Output() ([]byte, error) {
	var out bytes.Buffer
	pipe, err := c.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("read from %s: %w", c.tool, err)
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	n, err := io.Copy(&out, io.LimitReader(pipe, MaxOutput+1))
	if n > MaxOutput {
		c.Kill()
		c.Wait()
		return nil, &Failure{Tool: c.tool, Err: fmt.Errorf("it wrote more than %d bytes", MaxOutput)}
	}
	return out.Bytes(), errors.Join(c.Wait(), err)
}

// Messages returns what the program has said on stderr so far, the last few kilobytes.
func (c *Cmd) Messages() string { return c.messages.String() }

// tail keeps the last bytes written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailSize = 8 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if extra := len(t.buf) - tailSize; extra > 0 {
		t.buf = append(t.buf[:0], t.buf[extra:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(strings.ToValidUTF8(string(t.buf), "�"))
}
