// Package queuetest holds the conformance test of library.Queue, which every implementation must pass. Start at Run.
package queuetest

import (
	"context"
	"slices"
	"sync"
	"testing"

	"sightline/library"
)

// Run tests queues. Each call of fresh returns an empty queue and a function that stands for the death of the process
// that works on it: after it, the queue is used on, as by the next process.
func Run(t *testing.T, fresh func(t *testing.T) (queue library.Queue, die func())) {
	ctx := context.Background()
	test := func(name string, run func(t *testing.T, q library.Queue, die func())) {
		t.Run(name, func(t *testing.T) {
			q, die := fresh(t)
			run(t, q, die)
		})
	}
	put := func(t *testing.T, q library.Queue, paths ...string) {
		t.Helper()
		var jobs []library.Job
		for _, path := range paths {
			jobs = append(jobs, library.Job{Path: path, Size: 10})
		}
		if err := q.Put(ctx, jobs...); err != nil {
			t.Fatal(err)
		}
	}
	claim := func(t *testing.T, q library.Queue) library.Job {
		t.Helper()
		job, ok, err := q.Claim(ctx)
		if err != nil || !ok {
			t.Fatalf("claim: %v, %v; want a job", ok, err)
		}
		return job
	}
	backlog := func(t *testing.T, q library.Queue, want int) {
		t.Helper()
		b, err := q.Backlog(ctx)
		if err != nil || b.Jobs != want || b.Bytes != int64(10*want) {
			t.Errorf("backlog %+v, %v; want %d jobs of 10 bytes", b, err, want)
		}
	}
	none := func(t *testing.T, q library.Queue) {
		t.Helper()
		if job, ok, err := q.Claim(ctx); ok || err != nil {
			t.Errorf("claimed %+v, %v; want nothing", job, err)
		}
	}
	check := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	test("empty", func(t *testing.T, q library.Queue, _ func()) {
		none(t, q)
		backlog(t, q, 0)
		put(t, q)
		check(t, q.Done(ctx))
		check(t, q.Forget(ctx, "absent"))
	})
	test("each job is lent once", func(t *testing.T, q library.Queue, _ func()) {
		put(t, q, "a", "b")
		put(t, q, "b", "c")
		backlog(t, q, 3)
		var paths []string
		for range 3 {
			job := claim(t, q)
			if job.Attempts != 1 || job.Size != 10 {
				t.Errorf("job %+v, want the first attempt at 10 bytes", job)
			}
			paths = append(paths, job.Path)
		}
		slices.Sort(paths)
		if !slices.Equal(paths, []string{"a", "b", "c"}) {
			t.Errorf("claimed %v", paths)
		}
		none(t, q)
		backlog(t, q, 3)
	})
	test("ended jobs wait again when they are put again", func(t *testing.T, q library.Queue, _ func()) {
		put(t, q, "a", "b")
		check(t, q.Done(ctx, claim(t, q)))
		check(t, q.Refuse(ctx, claim(t, q), "not a video"))
		none(t, q)
		backlog(t, q, 0)
		put(t, q, "a", "b")
		for range 2 {
			if job := claim(t, q); job.Attempts != 1 || job.Cause != "" {
				t.Errorf("job %+v, want one as if new", job)
			}
		}
	})
	test("a job at work is not put again", func(t *testing.T, q library.Queue, _ func()) {
		put(t, q, "a")
		job := claim(t, q)
		put(t, q, "a")
		none(t, q)
		check(t, q.Done(ctx, job))
		backlog(t, q, 0)
	})
	test("released jobs come back after the others", func(t *testing.T, q library.Queue, _ func()) {
		put(t, q, "a", "b")
		first := claim(t, q)
		check(t, q.Release(ctx, first, "no memory"))
		if job := claim(t, q); job.Path == first.Path {
			t.Error("the released job came back before the one that was never begun")
		}
		if job := claim(t, q); job.Path != first.Path || job.Attempts != 2 || job.Cause != "no memory" {
			t.Errorf("job %+v, want the second attempt, with the cause of the first", job)
		}
	})
	test("the jobs of the dead come back", func(t *testing.T, q library.Queue, die func()) {
		put(t, q, "a", "b", "c")
		done := claim(t, q)
		check(t, q.Done(ctx, done))
		lost := claim(t, q)
		die()
		backlog(t, q, 2)
		if job := claim(t, q); job.Path == lost.Path || job.Attempts != 1 {
			t.Errorf("job %+v, want the one never begun", job)
		}
		if job := claim(t, q); job.Path != lost.Path || job.Attempts != 2 {
			t.Errorf("job %+v, want the second attempt at %s", job, lost.Path)
		}
		none(t, q)
	})
	test("forgotten jobs are gone", func(t *testing.T, q library.Queue, _ func()) {
		put(t, q, "a", "b", "c")
		job := claim(t, q)
		check(t, q.Forget(ctx, job.Path, "b"))
		check(t, q.Done(ctx, job)) // too late, and harmless
		backlog(t, q, 1)
		put(t, q, job.Path)
		backlog(t, q, 2)
	})
	test("many claim at once", func(t *testing.T, q library.Queue, _ func()) {
		const jobs = 40
		for i := range jobs {
			put(t, q, string(rune('A'+i)))
		}
		var mu sync.Mutex
		seen := map[string]int{}
		var workers sync.WaitGroup
		for range 4 {
			workers.Go(func() {
				for {
					job, ok, err := q.Claim(ctx)
					if err != nil {
						t.Error(err)
					}
					if err != nil || !ok {
						return
					}
					mu.Lock()
					seen[job.Path]++
					mu.Unlock()
					if err := q.Done(ctx, job); err != nil {
						t.Error(err)
					}
				}
			})
		}
		workers.Wait()
		for path, n := range seen {
			if n != 1 {
				t.Errorf("job %s was lent %d times", path, n)
			}
		}
		if len(seen) != jobs {
			t.Errorf("%d jobs were lent, want %d", len(seen), jobs)
		}
	})
}
