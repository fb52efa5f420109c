package library

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"sightline"
	"sightline/video"
)

// AddOptions change how Add works.
type AddOptions struct {
	Retry    bool           // look again at files that were refused, though they have not changed
	Progress func(Progress) // called often, from one goroutine at a time; nil when nobody looks
}

// Progress is how far an Add has come. Totals grow while other processes add to the same archive.
type Progress struct {
	Path              string  // the file at work; "" before the first
	At, Duration      float64 // seconds encoded of that file, and in all; 0 when unknown
	Files, FilesTotal int     // done, and in all, of those that had to be looked into
	Bytes, BytesTotal int64   // of the same files, the one at work by the share of it that is done
	Seconds           float64 // of video encoded so far
	Waiting           string  // not "": waiting for the process with this id, or "?", which is changing the archive
}

// Summary is what came of an Add; its lists are in order of path.
type Summary struct {
	Added     []Entry   `json:"added"`     // videos that can be found now and could not before
	Known     []Entry   `json:"known"`     // files under a new path whose content was in already: moved or copied
	Unchanged int       `json:"unchanged"` // files that were in and are as they were
	Refused   []Refusal `json:"refused"`   // files that could not be brought in, those refused before included
	Warnings  []Refusal `json:"warnings"`  // files that are in, and what is amiss with them
	Removed   []string  `json:"removed"`   // ids of videos that went because the last file that held them has changed
}

// Entry is a file and the video in it.
type Entry struct {
	Path     string  `json:"path"`
	ID       string  `json:"id"`
	Duration float64 `json:"duration"` // seconds; 0 when it was not looked at this time
}

// Refusal is a file that could not be brought in.
type Refusal struct {
	Path  string `json:"path"`
	Cause string `json:"cause"`
	Try   string `json:"try,omitempty"` // what to do about it
	Again bool   `json:"again"`         // it was refused before, has not changed, and was not looked at this time
}

// newRefusal tells what is wrong with a file, without its name.
func newRefusal(path string, err error) Refusal {
	cause := reason(err)
	var refusal *video.Refusal
	if errors.As(err, &refusal) {
		cause = refusal.Cause
	}
	return Refusal{Path: path, Cause: cause.Error(), Try: sightline.TryOf(err)}
}

// Add brings the videos among paths, and those in the folders among them, into the archive: encoded, indexed and
// listed. Files that are in and have not changed are passed over; so are refused files, unless options.Retry is set. What an
// earlier Add left undone is done too, so Add without paths resumes. A file that cannot be read is refused and the rest
// goes in; the error is for what stops the work: ctx, a full disk, a model of another space than the one that serves.
// What was done until then is in, and the next Add goes on from there. The summary is valid with an error as well.
func (a *Archive) Add(ctx context.Context, model Model, options AddOptions, paths ...string) (summary Summary, err error) {
	defer func() { summary.sort() }()
	if err := a.mayServe(ctx, model); err != nil {
		return summary, err
	}
	wanted, err := a.enqueue(ctx, model, options.Retry, &summary, paths)
	if err != nil {
		return summary, addError(err)
	}
	unlock, err := a.lock(ctx, func(pid string) {
		if options.Progress != nil {
			options.Progress(Progress{Waiting: pid})
		}
	})
	if err != nil {
		return summary, addError(err)
	}
	defer unlock()
	if err := a.startServing(ctx, model); err != nil {
		return summary, addError(err)
	}
	err = a.work(ctx, model, options.Progress, &summary, func(*worker) error { return nil })
	if err != nil {
		return summary, addError(err)
	}
	return summary, a.complete(ctx, model, wanted, &summary)
}

func addError(err error) error {
	e := &sightline.Error{Kind: sightline.KindOf(err), What: "add videos", Err: err, Try: sightline.TryOf(err)}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		e.Try = "run sightline add again to resume; what is done stays done"
	case e.Try == "":
		e.Try = "put right what is named here, then run sightline add again to resume"
	}
	return e
}

// mayServe returns an error when the archive is searched with a model of another space.
func (a *Archive) mayServe(ctx context.Context, model Model) error {
	serving, err := a.Serving(ctx)
	if sightline.KindOf(err) == sightline.NotReady {
		return nil
	}
	if err != nil {
		return err
	}
	if err := serving.Space.Check(a.IndexSpace(model)); err != nil {
		return &sightline.Error{
			Kind: sightline.Usage,
			What: fmt.Sprintf("add videos with the model %s", model.Name),
			Err:  fmt.Errorf("the archive is searched with the model %s: %w", serving.Model, err),
			Try:  "add without naming a model, or adopt this one first: sightline model use " + model.Name,
		}
	}
	return nil
}

// startServing makes a model serve an archive that has none, and returns an error when another serves. The caller holds
// the archive's lock, so it stays so.
func (a *Archive) startServing(ctx context.Context, model Model) error {
	if _, err := a.Serving(ctx); sightline.KindOf(err) == sightline.NotReady {
		return a.makeServe(ctx, model)
	}
	return a.mayServe(ctx, model)
}

// work brings the index of a model's space up to date: videos that are in another index only, waiting jobs, videos to
// be swept. After that it calls then. The caller holds the archive's lock.
func (a *Archive) work(ctx context.Context, model Model, report func(Progress), summary *Summary, then func(*worker) error) (err error) {
	if err := a.jobs.recover(ctx); err != nil {
		return err
	}
	w, err := a.newWorker(ctx, model, report, summary)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	if err := w.reindex(ctx); err != nil {
		return errors.Join(err, w.flush(context.WithoutCancel(ctx)))
	}
	if err := w.drain(ctx); err != nil {
		return err
	}
	removed, err := a.sweep(ctx, w.writer)
	summary.Removed = append(summary.Removed, removed...)
	if err != nil {
		return err
	}
	if err := w.sweepFeatures(ctx); err != nil {
		return err
	}
	return then(w)
}

// enqueue scans paths, puts what has to be looked into in the queue, and returns those files.
func (a *Archive) enqueue(ctx context.Context, model Model, retry bool, summary *Summary, paths []string) (map[string]bool, error) {
	skip, err := filepath.EvalSymlinks(a.dir)
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{}
	seen := map[string]bool{}
	var list []Job
	space := a.IndexSpace(model)
	s := scan{
		skip: skip,
		found: func(c candidate) error {
			if seen[c.path] {
				return nil
			}
			seen[c.path] = true
			known, err := a.fileState(ctx, c, space)
			switch {
			case err != nil:
				return err
			case known.same && known.refusal != nil && !retry:
				known.refusal.Again = true
				summary.Refused = append(summary.Refused, *known.refusal)
			case known.same && known.refusal == nil && known.indexed:
				summary.Unchanged++
			default:
				wanted[c.path] = true
				list = append(list, Job{Path: c.path, Size: c.size})
			}
			return nil
		},
		fail: func(path string, err error) {
			summary.Refused = append(summary.Refused, Refusal{Path: path, Cause: err.Error(), Try: "check the name and that you may read it"})
		},
	}
	if err := s.roots(ctx, paths); err != nil {
		return nil, err
	}
	return wanted, a.jobs.Put(ctx, list...)
}

// sort puts the lists in order of their paths; files are brought in as they get ready.
func (s *Summary) sort() {
	for _, entries := range [][]Entry{s.Added, s.Known} {
		slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	}
	for _, refusals := range [][]Refusal{s.Refused, s.Warnings} {
		slices.SortFunc(refusals, func(a, b Refusal) int { return strings.Compare(a.Path, b.Path) })
	}
}

// complete adds to the summary what became of wanted files that another process worked on.
func (a *Archive) complete(ctx context.Context, model Model, wanted map[string]bool, summary *Summary) error {
	for _, entries := range [][]Entry{summary.Added, summary.Known} {
		for _, entry := range entries {
			delete(wanted, entry.Path)
		}
	}
	for _, refusal := range summary.Refused {
		delete(wanted, refusal.Path)
	}
	space := a.IndexSpace(model)
	for path := range wanted {
		known, err := a.fileState(ctx, candidate{path: path}, space)
		if err != nil {
			return err
		}
		switch {
		case known.refusal != nil:
			summary.Refused = append(summary.Refused, *known.refusal)
		case known.indexed:
			summary.Added = append(summary.Added, Entry{Path: path, ID: known.videoID})
		}
	}
	return nil
}
