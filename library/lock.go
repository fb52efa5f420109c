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
	file, err := os.OpenFile(filepath.Join(a.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return nil, fmt.Errorf("lock archive %s: %w", a.dir, err)
	}
	for {
		mine, err := tryLock(file)
		if err != nil {
			file.Close()
			return nil, fmt.Errorf("lock archive %s: %w", a.dir, err)
		}
		if mine {
			break
		}
		if waiting != nil {
			pid, _ := os.ReadFile(file.Name())
			waiting(cmp.Or(strings.TrimSpace(string(pid)), "?"))
			waiting = nil
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, ctx.Err()
		case <-time.After(lockPoll):
		}
	}
	file.Truncate(0) // the process id is for people; the lock does not depend on it
	file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return func() { file.Close() }, nil
}
