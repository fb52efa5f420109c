package main

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// offerModel is the script command `hub REPOSITORY FOLDER`: it starts a Hub on loopback that offers the files of a folder under
// the name of a repository, and points the script's environment at it.
func offerModel(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: hub REPOSITORY FOLDER")
	}
	repository, folder := args[0], args[1]
	entries, err := os.ReadDir(folder)
	ts.Check(err)
	files := map[string][]byte{}
	for _, entry := range entries {
		files[entry.Name()], err = os.ReadFile(filepath.Join(folder, entry.Name()))
		ts.Check(err)
	}
	server := httptest.NewServer(offer(repository, files))
	ts.Defer(server.Close)
	ts.Setenv("HF_ENDPOINT", server.URL)
}

// offer answers for one repository as the Hub does: what a revision holds, with git's ids for small files and SHA-256
// for large ones, and the files of its commit.
func offer(repository string, files map[string][]byte) http.HandlerFunc {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Repo-Commit", commit)
		if strings.HasPrefix(r.URL.Path, "/api/models/"+repository+"/revision/") {
			siblings := []map[string]any{}
			for name, content := range files {
				sibling := map[string]any{"rfilename": name, "blobId": blobID(content), "size": len(content)}
				if strings.HasSuffix(name, ".safetensors") {
					sibling["lfs"] = map[string]any{"sha256": sum(content), "size": len(content), "pointerSize": 135}
				}
				siblings = append(siblings, sibling)
			}
			json.NewEncoder(w).Encode(map[string]any{"id": repository, "sha": commit, "siblings": siblings, "gated": false})
			return
		}
		name, ok := strings.CutPrefix(r.URL.Path, "/"+repository+"/resolve/"+commit+"/")
		content, there := files[name]
		if !ok || !there {
			http.Error(w, `{"error": "Entry not found"}`, http.StatusNotFound)
			return
		}
		w.Header().Set("ETag", `"`+blobID(content)+`"`)
		if strings.HasSuffix(name, ".safetensors") {
			w.Header().Set("X-Linked-Etag", `"`+sum(content)+`"`)
			w.Header().Set("X-Linked-Size", fmt.Sprint(len(content)))
		}
		w.Write(content)
	}
}

func sum(content []byte) string {
	hash := sha256.Sum256(content)
	return hex.EncodeToString(hash[:])
}

// blobID returns the id that git gives a file.
func blobID(content []byte) string {
	hash := sha1.Sum(append(fmt.Appendf(nil, "blob %d\x00", len(content)), content...))
	return hex.EncodeToString(hash[:])
}
