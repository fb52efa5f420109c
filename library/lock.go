package library

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// lockPoll is how often a process that waits for its turn looks whether it has come.
const lockPoll = 100 * time.Millisecond

// lock waits until this process may change the archive, and returns the function that lets the next one. waiting is
// called once, with the id of the process at work ("?" when that is not known), if there is a wait.
func (a *Archive) lock(ctx context.Context, waiting func(pid string)) (unlock func(), err error) {
	for {
		unlock, mine, err := a.lockNow()
		if err != nil || mine {
			return unlock, err
		}
		if waiting != nil {
			pid, _ := os.ReadFile(a.lockPath())
			waiting(cmp.Or(strings.TrimSpace(string(pid)), "?"))
			waiting = nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(lockPoll):
		}
	}
}

func (a *Archive) lockPath() string { return filepath.Join(a.dir, "lock") }

// lockNow is lock without waiting: mine is false when another process is changing the archive.
func (a *Archive) lockNow() (unlock func(), mine bool, err error) {
	file, err := os.OpenFile(a.lockPath(), os.O_CREATE|os.O_RDWR, 0o666)
	if err == nil {
		mine, err = tryLock(file)
	}
	if err != nil || !mine {
		file.Close() // which a nil file takes
		if err != nil {
			err = fmt.Errorf("lock archive %s: %w", a.dir, err)
		}
		return nil, false, err
	}
	file.Truncate(0) // the process id is for people; the lock does not depend on it
	file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return func() { file.Close() }, true, nil
}
