package hub

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"sightline"
	"sightline/internal/atomicfile"
)

// Options are what a fetch needs besides the environment. The zero value is ready to use.
type Options struct {
	Progress func(Progress) // called from the fetching goroutine, at most ten times a second and at the end of each file; may be nil
	Client   *http.Client   // nil means Go's default, with the proxy of the environment
}

// Progress is how far a fetch has come, in bytes over all files of the model.
type Progress struct {
	File        string // the file being fetched
	Done, Total int64
}

// Snapshot is a model in the cache.
type Snapshot struct {
	Dir    string // holds config.json, the weights and the tokenizer files
	Commit string
	Bytes  int64 // received over the network by this fetch
	// Unpinned names the files whose hash was not known beforehand and was taken from the Hub: trusted on first use. From
	// now on the commit pins them. It is empty when nothing had to be fetched.
	Unpinned []string
}

// Fetch makes sure that a model is in the cache and returns where. A complete snapshot of a fixed commit is returned
// without a word to the network. Otherwise the Hub is asked what the revision holds, files already in the cache are
// checked and kept, and the rest is downloaded, checked and linked. After an error, what has arrived of a file is kept
// for the next attempt, except when its hash was wrong; no file ever appears under its name before it was checked.
func Fetch(ctx context.Context, model Model, options Options) (Snapshot, error) {
	snapshot, err := fetch(ctx, model, options)
	if err == nil {
		return snapshot, nil
	}
	var known *sightline.Error
	if errors.As(err, &known) {
		return Snapshot{}, err
	}
	wrapped := &sightline.Error{Kind: sightline.Failed, What: "fetch " + model.Name, Err: err}
	var network *url.Error
	switch {
	case ctx.Err() != nil:
		wrapped.Err, wrapped.Try = ctx.Err(), "sightline fetch "+model.Name+" resumes where it stopped"
	case diskFull(err):
		wrapped.Try = "free some space, or set HF_HOME to a folder on a larger disk; then sightline fetch " + model.Name + " resumes where it stopped"
	case errors.As(err, &network):
		wrapped.Try = "check the network, or set HF_ENDPOINT to a mirror; then sightline fetch " + model.Name + " resumes where it stopped"
	}
	return Snapshot{}, wrapped
}

func fetch(ctx context.Context, model Model, options Options) (Snapshot, error) {
	dir, commit, err := find(model)
	if err != nil {
		return Snapshot{}, err
	}
	if dir != "" && (offline() || commit == model.Revision) {
		return Snapshot{Dir: dir, Commit: commit}, nil
	}
	if offline() {
		return Snapshot{}, &sightline.Error{
			Kind: sightline.NotReady,
			What: "fetch " + model.Name,
			Err:  fmt.Errorf("%s is not in the cache, and HF_HUB_OFFLINE forbids the network", model.Repository),
			Try:  "unset HF_HUB_OFFLINE and run sightline fetch " + model.Name,
		}
	}
	c, err := newClient(options.Client)
	if err != nil {
		return Snapshot{}, err
	}
	r, err := openRepository(model)
	if err != nil {
		return Snapshot{}, err
	}
	list, err := c.list(ctx, model)
	if err != nil {
		return Snapshot{}, err
	}
	for _, file := range list.files {
		if hash := r.linked(list.commit, file.name); hash != "" && hash != file.hash {
			return Snapshot{}, &sightline.Error{
				Kind: sightline.Failed,
				What: "fetch " + model.Name,
				Err:  fmt.Errorf("%s of commit %s had hash %s when it was first fetched and has %s now: a commit never changes", file.name, list.commit, hash, file.hash),
				Try:  "check HF_ENDPOINT and the network; to trust the new content delete " + r.snapshot(list.commit),
			}
		}
	}

	transfer := transfer{client: c, repository: r, model: model, commit: list.commit, report: reporter(options.Progress, list.files)}
	snapshot := Snapshot{Dir: r.snapshot(list.commit), Commit: list.commit}
	for _, file := range list.files {
		received, err := transfer.file(ctx, file)
		if err != nil {
			return Snapshot{}, err
		}
		snapshot.Bytes += received
		if model.pin(file.name) == nil {
			snapshot.Unpinned = append(snapshot.Unpinned, file.name)
		}
	}
	if model.Revision != list.commit {
		ref := r.ref(model.Revision)
		if err := os.MkdirAll(filepath.Dir(ref), 0o777); err != nil {
			return Snapshot{}, err
		}
		if err := atomicfile.Write(ref, []byte(list.commit)); err != nil {
			return Snapshot{}, err
		}
	}
	return snapshot, nil
}

// reporter returns a function that takes the bytes of a file that are done and passes the sum on, now and then.
func reporter(progress func(Progress), files []remoteFile) func(file remoteFile, done int64) {
	if progress == nil {
		return func(remoteFile, int64) {}
	}
	var total, before int64
	for _, file := range files {
		total += file.size
	}
	var last time.Time
	return func(file remoteFile, done int64) {
		finished := done == file.size
		if finished || time.Since(last) >= 100*time.Millisecond {
			last = time.Now()
			progress(Progress{file.name, before + done, total})
		}
		if finished {
			before += file.size
		}
	}
}
