package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"sightline"
)

// remoteFile is a file of a repository as the Hub states it.
type remoteFile struct {
	name string
	size int64
	hash string // SHA-256 (64 digits) of a large file, git blob id (40 digits) of a small one; the blob's name in the cache
}

// listing is what a revision holds of interest.
type listing struct {
	commit string
	files  []remoteFile // the weights last
}

var hashName = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// list asks the Hub which of the files an encoder needs the model's revision holds, and checks the answer against the
// model's pins.
func (c client) list(ctx context.Context, model Model) (listing, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*stall)
	defer cancel()
	path := "/api/models/" + model.Repository + "/revision/" + url.PathEscape(model.Revision) + "?blobs=true"
	response, err := c.get(ctx, path, 0, nil)
	if err != nil {
		return listing{}, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return listing{}, c.refused(readStatus(response), model, "")
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, 64<<20))
	if err != nil {
		return listing{}, fmt.Errorf("read the list of files: %w", err)
	}
	list, err := parseListing(text)
	if err != nil {
		return listing{}, fmt.Errorf("list the files of %s: %w", model.Repository, err)
	}
	if commitName.MatchString(model.Revision) && list.commit != model.Revision {
		return listing{}, fmt.Errorf("asked for commit %s of %s, the Hub answered with commit %s", model.Revision, model.Repository, list.commit)
	}
	return list, model.check(list)
}

// refused explains a request that the Hub did not grant.
func (c client) refused(err error, model Model, file string) error {
	var status *statusError
	if !errors.As(err, &status) {
		return err
	}
	what := "fetch " + model.Name
	if file != "" {
		what += ": " + file
	}
	return &sightline.Error{
		Kind: sightline.Failed,
		What: what,
		Err:  fmt.Errorf("%s at revision %s: %w", model.Repository, model.Revision, err),
		Try:  c.advise(status, model),
	}
}

// parseListing reads the Hub's reply to /api/models/…/revision/…?blobs=true and picks what an encoder reads: small files
// by name, weights as model.safetensors or as an index with its shards.
func parseListing(text []byte) (listing, error) {
	var reply struct {
		Commit   string `json:"sha"`
		Siblings []struct {
			Name   string `json:"rfilename"`
			Size   int64  `json:"size"`
			BlobID string `json:"blobId"`
			LFS    *struct {
				SHA256 string `json:"sha256"`
				Size   int64  `json:"size"`
			} `json:"lfs"`
		} `json:"siblings"`
	}
	if err := json.Unmarshal(text, &reply); err != nil {
		return listing{}, fmt.Errorf("the reply is not the JSON of a repository: %w", err)
	}
	if !commitName.MatchString(reply.Commit) {
		return listing{}, fmt.Errorf("the reply names commit %q", reply.Commit)
	}
	list := listing{commit: reply.Commit}
	var whole, index *remoteFile
	var shards []remoteFile
	pickled := ""
	for _, sibling := range reply.Siblings {
		file := remoteFile{sibling.Name, sibling.Size, sibling.BlobID}
		if sibling.LFS != nil {
			file.size, file.hash = sibling.LFS.Size, sibling.LFS.SHA256
		}
		switch {
		case slices.Contains(smallFiles, file.name):
			list.files = append(list.files, file)
		case file.name == weightsFile:
			whole = &file
		case file.name == indexFile:
			index = &file
		case shardName.MatchString(file.name):
			shards = append(shards, file)
		case strings.HasSuffix(file.name, ".bin") || strings.HasSuffix(file.name, ".pt"):
			pickled = file.name
		}
	}
	switch {
	case whole != nil:
		list.files = append(list.files, *whole)
	case index != nil && len(shards) > 0:
		list.files = append(append(list.files, *index), shards...)
	case pickled != "":
		return listing{}, &sightline.Error{
			Kind: sightline.Failed,
			What: "commit " + list.commit,
			Err:  fmt.Errorf("the weights are there only as %s, a pickle, which can run code when it is opened; %s is needed", pickled, weightsFile),
			Try:  "look among the repository's pull requests for a safetensors conversion and name it: sightline fetch OWNER/NAME@refs/pr/NUMBER",
		}
	default:
		return listing{}, fmt.Errorf("commit %s holds no %s", list.commit, weightsFile)
	}
	if !slices.ContainsFunc(list.files, func(f remoteFile) bool { return f.name == configFile }) {
		return listing{}, fmt.Errorf("commit %s holds no %s", list.commit, configFile)
	}
	for _, file := range list.files {
		if !hashName.MatchString(file.hash) || file.size < 0 {
			return listing{}, fmt.Errorf("%s is listed with size %d and hash %q", file.name, file.size, file.hash)
		}
	}
	return list, nil
}

// check refuses a listing that contradicts the pins; a pinned SHA-256 of a small file, which the Hub lists by its git
// blob id, is checked once its content is here.
func (m Model) check(list listing) error {
	for _, pin := range m.Pins {
		i := slices.IndexFunc(list.files, func(f remoteFile) bool { return f.name == pin.Name })
		if i < 0 {
			return fmt.Errorf("%s at revision %s holds no %s", m.Repository, m.Revision, pin.Name)
		}
		file := list.files[i]
		if file.size != pin.Size || len(file.hash) == len(pin.SHA256) && file.hash != pin.SHA256 {
			return &sightline.Error{
				Kind: sightline.Failed,
				What: "fetch " + m.Name,
				Err: fmt.Errorf("the Hub offers %s with %d bytes and hash %s, tested was %d bytes with SHA-256 %s",
					pin.Name, file.size, file.hash, pin.Size, pin.SHA256),
				Try: "check HF_ENDPOINT and the network; nothing was downloaded",
			}
		}
	}
	return nil
}
