package hub

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"sightline"
	"sightline/internal/atomicfile"
)

// stall is how long a transfer may bring nothing before it is broken off; attempts is how often in a row it may bring
// nothing new.
const (
	stall    = 60 * time.Second
	attempts = 4
)

// pause is the wait before the n-th new attempt; tests shorten it.
var pause = func(n int) time.Duration { return time.Duration(n*n) * time.Second }

// transfer brings the files of one commit into the cache.
type transfer struct {
	client     client
	repository repository
	model      Model
	commit     string
	report     func(file remoteFile, done int64)
}

// digest computes what a file must hash to: the Hub's hash and, where one is known, the pinned SHA-256.
type digest struct {
	hub, pin hash.Hash
	file     remoteFile
	pinned   string
}

func (t transfer) digest(file remoteFile) *digest {
	d := &digest{file: file, pin: sha256.New()}
	if pin := t.model.pin(file.name); pin != nil {
		d.pinned = pin.SHA256
	}
	if len(file.hash) == hex.EncodedLen(sha256.Size) {
		d.hub = d.pin
	} else {
		d.hub = sha1.New()
		fmt.Fprintf(d.hub, "blob %d\x00", file.size) // how git names a blob
	}
	return d
}

func (d *digest) Write(p []byte) (int, error) {
	d.pin.Write(p)
	if d.hub != d.pin {
		d.hub.Write(p)
	}
	return len(p), nil
}

// check returns an error unless the bytes written are the file.
func (d *digest) check() error {
	if got := hex.EncodeToString(d.hub.Sum(nil)); got != d.file.hash {
		return fmt.Errorf("%s has hash %s, expected was %s", d.file.name, got, d.file.hash)
	}
	if got := hex.EncodeToString(d.pin.Sum(nil)); d.pinned != "" && got != d.pinned {
		return fmt.Errorf("%s has SHA-256 %s, tested was %s", d.file.name, got, d.pinned)
	}
	return nil
}

// readFile feeds a file to the digest and returns its size.
func (d *digest) readFile(path string) (int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	return io.Copy(d, file)
}

// file makes sure that one file is in the snapshot and returns how many bytes that took from the network.
func (t transfer) file(ctx context.Context, file remoteFile) (received int64, err error) {
	unlock, err := t.repository.lock(ctx, file.hash)
	if err != nil {
		return 0, err
	}
	defer unlock()

	blob := t.repository.blob(file.hash)
	if err := os.MkdirAll(filepath.Dir(blob), 0o777); err != nil {
		return 0, err
	}
	d := t.digest(file)
	size, err := d.readFile(blob)
	switch {
	case err == nil && size == file.size && d.check() == nil:
		t.report(file, file.size)
	case err == nil || errors.Is(err, fs.ErrNotExist):
		if received, err = t.download(ctx, file, blob); err != nil {
			return received, err
		}
	default:
		return 0, err
	}
	return received, t.repository.link(t.commit, file.name, file.hash)
}

// download brings the blob's bytes, from where an earlier attempt stopped, checks them and gives them their name.
func (t transfer) download(ctx context.Context, file remoteFile, blob string) (received int64, err error) {
	partial := blob + ".incomplete"
	out, err := os.OpenFile(partial, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return 0, err
	}
	defer out.Close()
	d := t.digest(file)
	have, err := io.Copy(d, out)
	if err != nil {
		return 0, err
	}
	if have > file.size {
		if have, d, err = t.restart(out, file); err != nil {
			return 0, err
		}
	}
	for failures, restarts := 0, 0; have < file.size; {
		got, err := t.append(ctx, file, out, d, have)
		if errors.Is(err, errNotFromHere) && have > 0 && restarts < attempts {
			if have, d, err = t.restart(out, file); err != nil {
				return received, err
			}
			restarts++
			continue
		}
		have += got
		received += got
		if err == nil {
			continue
		}
		if got > 0 {
			failures = 0
		}
		if failures++; failures == attempts || !passing(err) || ctx.Err() != nil {
			return received, t.client.refused(fmt.Errorf("%s stopped after %d of %d bytes: %w", file.name, have, file.size, err), t.model, file.name)
		}
		select {
		case <-ctx.Done():
			return received, ctx.Err()
		case <-time.After(pause(failures)):
		}
	}
	if err := d.check(); err != nil {
		out.Close()
		os.Remove(partial)
		return received, &sightline.Error{
			Kind: sightline.Failed,
			What: "fetch " + t.model.Name,
			Err:  fmt.Errorf("%w; the file was thrown away", err),
			Try:  "run it again; if it happens again, something between here and the Hub changes files (HF_ENDPOINT, a proxy)",
		}
	}
	if err := out.Sync(); err != nil {
		return received, err
	}
	if err := out.Close(); err != nil {
		return received, err
	}
	if err := os.Rename(partial, blob); err != nil {
		return received, err
	}
	t.report(file, file.size)
	return received, atomicfile.SyncDir(filepath.Dir(blob))
}

// restart empties the partial file.
func (t transfer) restart(out *os.File, file remoteFile) (have int64, d *digest, err error) {
	if err := out.Truncate(0); err != nil {
		return 0, nil, err
	}
	_, err = out.Seek(0, io.SeekStart)
	return 0, t.digest(file), err
}

// errNotFromHere means that the server does not send the file from the byte asked for.
var errNotFromHere = errors.New("the server does not continue where the transfer stopped")

// append requests the file from byte have on and adds what arrives to out and d.
func (t transfer) append(ctx context.Context, file remoteFile, out *os.File, d *digest, have int64) (got int64, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(stall, func() { cancel(fmt.Errorf("nothing arrived for %v: %w", stall, io.ErrUnexpectedEOF)) })
	defer watch.Stop()

	path := "/" + t.model.Repository + "/resolve/" + t.commit + "/" + url.PathEscape(file.name)
	response, err := t.client.get(ctx, path, have, func(header http.Header) error { return t.recognise(file, header) })
	if err != nil {
		return 0, cause(ctx, err)
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
		if have > 0 {
			return 0, errNotFromHere
		}
	case http.StatusPartialContent:
		if !strings.HasPrefix(response.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", have)) {
			return 0, errNotFromHere
		}
	case http.StatusRequestedRangeNotSatisfiable:
		return 0, errNotFromHere
	default:
		return 0, readStatus(response)
	}
	body := io.LimitReader(response.Body, file.size-have)
	buffer := make([]byte, 256<<10)
	for {
		n, readErr := body.Read(buffer)
		watch.Reset(stall)
		if _, err := out.Write(buffer[:n]); err != nil {
			return got, err
		}
		d.Write(buffer[:n])
		got += int64(n)
		if have+got < file.size {
			t.report(file, have+got)
		}
		switch {
		case readErr == io.EOF && have+got < file.size:
			return got, io.ErrUnexpectedEOF
		case readErr == io.EOF:
			return got, nil
		case readErr != nil:
			return got, cause(ctx, readErr)
		}
	}
}

// recognise refuses a reply of the Hub whose headers speak of another commit or another content than the listing did.
func (t transfer) recognise(file remoteFile, header http.Header) error {
	if commit := header.Get("X-Repo-Commit"); commit != "" && commit != t.commit {
		return fmt.Errorf("asked for commit %s of %s, the Hub answered with commit %s", t.commit, file.name, commit)
	}
	hash := strings.Trim(strings.TrimPrefix(header.Get("X-Linked-Etag"), "W/"), `"`)
	if hashName.MatchString(hash) && len(hash) == len(file.hash) && hash != file.hash {
		return fmt.Errorf("the Hub lists %s with hash %s and serves it with %s", file.name, file.hash, hash)
	}
	return nil
}

// cause prefers the reason why a context was cancelled to the bare fact.
func cause(ctx context.Context, err error) error {
	if reason := context.Cause(ctx); reason != nil {
		return reason
	}
	return err
}

// passing reports whether a new attempt may go better: the connection broke or the server was busy.
func passing(err error) bool {
	var status *statusError
	if errors.As(err, &status) {
		return status.passing()
	}
	var network *url.Error
	var connection *os.SyscallError
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network) || errors.As(err, &connection)
}

func diskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
