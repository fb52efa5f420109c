// Package parallel runs the same work on several goroutines. Start at Run.
package parallel

import "sync"

// Run runs n copies of f at the same time, one of them on the calling goroutine, and waits for them. n below 1 runs none.
func Run(n int, f func()) {
	var group sync.WaitGroup
	for range n - 1 {
		group.Go(f)
	}
	if n > 0 {
		f()
	}
	group.Wait()
}
