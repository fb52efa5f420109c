package index

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"
)

// TestKill kills a writer at random moments. Whatever the moment: the last generation it announced, or the one after it,
// is there, whole and with nothing doubled, and the next writer finds no leftovers. SIGHTLINE_KILLS sets how often; the
// default is a taste.
func TestKill(t *testing.T) {
	if dir := os.Getenv("SIGHTLINE_INDEX_KILLED"); dir != "" {
		writeUntilKilled(t, dir)
		return
	}
	kills := 3
	if text := os.Getenv("SIGHTLINE_KILLS"); text != "" {
		n, err := strconv.Atoi(text)
		must(t, err)
		kills = n
	}
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	announced := uint64(0)
	for range kills {
		child := exec.Command(os.Args[0], "-test.run=^TestKill$", "-test.v")
		child.Env = append(os.Environ(), "SIGHTLINE_INDEX_KILLED="+dir)
		out, err := child.StdoutPipe()
		must(t, err)
		must(t, child.Start())
		lines := make(chan uint64, 1)
		go func() {
			last := uint64(0)
			for scanner := bufio.NewScanner(out); scanner.Scan(); {
				fmt.Sscanf(scanner.Text(), "published %d", &last)
			}
			lines <- last
		}()
		time.Sleep(time.Duration(rng.IntN(150)+20) * time.Millisecond)
		must(t, child.Process.Kill())
		announced = max(announced, <-lines)
		child.Wait()
		checkAfterKill(t, dir, announced)
	}
	t.Logf("%d kills, %d generations", kills, announced)
}

// writeUntilKilled publishes generation after generation; generation n holds videos n−2, n−1 and n, ten rows each.
func writeUntilKilled(t *testing.T, dir string) {
	w := openWriter(t, dir)
	w.draft.fullBytes = 25 * 32 * 4
	for n := w.number + 1; ; n++ {
		rows, vectors := video(fmt.Sprint("v", n), n, 10)
		must(t, w.Add(t.Context(), rows, vectors), w.Delete(t.Context(), fmt.Sprint("v", n-3)), w.Publish(t.Context()))
		fmt.Fprintf(os.Stdout, "published %d\n", n)
	}
}

func checkAfterKill(t *testing.T, dir string, announced uint64) {
	t.Helper()
	_, err := os.Stat(filepath.Join(dir, manifestFile))
	if os.IsNotExist(err) && announced == 0 {
		return
	}
	r, err := Open(dir, testSpace)
	must(t, err)
	defer r.Close()
	must(t, r.Verify(t.Context()))
	snapshot, err := r.Snapshot()
	must(t, err)
	defer snapshot.Close()
	n := snapshot.Generation()
	if n != announced && n != announced+1 {
		t.Fatalf("generation %d after generation %d was announced", n, announced)
	}
	want := map[string]int{}
	for v := max(n, 3) - 2; v <= n; v++ {
		want[fmt.Sprint("v", v)] = 10
	}
	wantVideos(t, snapshot, want)

	w := openWriter(t, dir)
	defer w.Close()
	expect := []string{lockFile, manifestFile}
	for _, p := range w.draft.parts {
		expect = append(expect, p.name)
	}
	slices.Sort(expect)
	if got := filesIn(t, dir); !slices.Equal(got, expect) {
		t.Errorf("the folder holds %v, want %v", got, expect)
	}
}
