package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"sightline"
)

// client speaks to one Hub.
type client struct {
	http     *http.Client
	endpoint *url.URL
	token    string
}

// newClient reads the environment. base may be nil.
func newClient(base *http.Client) (client, error) {
	address := os.Getenv("HF_ENDPOINT")
	if address == "" {
		address = "https://huggingface.co"
	}
	endpoint, err := url.Parse(strings.TrimRight(address, "/"))
	if err != nil || endpoint.Host == "" || endpoint.Scheme != "https" && endpoint.Scheme != "http" {
		return client{}, &sightline.Error{
			Kind: sightline.Usage, What: fmt.Sprintf("HF_ENDPOINT %q", address), Err: fmt.Errorf("not a web address"), Try: "unset HF_ENDPOINT",
		}
	}
	if base == nil {
		base = http.DefaultClient
	}
	own := *base
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return client{&own, endpoint, token()}, nil
}

// token returns the token that huggingface_hub would use, or "".
func token() string {
	for _, name := range []string{"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"} {
		if token := strings.TrimSpace(os.Getenv(name)); token != "" {
			return token
		}
	}
	path := environmentPath("HF_TOKEN_PATH")
	if path == "" {
		home, err := homeDir()
		if err != nil {
			return ""
		}
		path = filepath.Join(home, "token")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// offline reports whether the user forbade the network.
func offline() bool {
	for _, name := range []string{"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"} {
		if value := os.Getenv(name); value != "" {
			switch strings.ToUpper(value) {
			case "1", "ON", "YES", "TRUE":
				return true
			}
			return false
		}
	}
	return false
}

// get requests a path of the Hub from byte offset on and follows redirects. seen is called with every reply of the Hub's
// own host, whose headers alone say what a file is: a content network's ETag is another hash. The caller closes the body.
func (c client) get(ctx context.Context, path string, offset int64, seen func(http.Header) error) (*http.Response, error) {
	next, err := c.endpoint.Parse(strings.TrimRight(c.endpoint.Path, "/") + path)
	if err != nil {
		return nil, err
	}
	for range 10 {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, next.String(), nil)
		if err != nil {
			return nil, err
		}
		request.Header.Set("User-Agent", "sightline")
		request.Header.Set("Accept-Encoding", "identity") // hashes and ranges are about the file as it is
		if offset > 0 {
			request.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
		}
		ours := next.Scheme == c.endpoint.Scheme && next.Host == c.endpoint.Host
		if ours && c.token != "" {
			request.Header.Set("Authorization", "Bearer "+c.token)
		}
		response, err := c.http.Do(request)
		if err != nil {
			return nil, err
		}
		if ours && seen != nil {
			if err := seen(response.Header); err != nil {
				response.Body.Close()
				return nil, err
			}
		}
		if response.StatusCode < 300 || response.StatusCode > 399 {
			return response, nil
		}
		response.Body.Close()
		target, err := next.Parse(response.Header.Get("Location"))
		if err != nil || response.Header.Get("Location") == "" {
			return nil, fmt.Errorf("%s redirects to %q, which is no address", next.Redacted(), response.Header.Get("Location"))
		}
		if next.Scheme == "https" && target.Scheme != "https" {
			return nil, fmt.Errorf("%s redirects from https to %s: refused", next.Redacted(), target.Scheme)
		}
		next = target
	}
	return nil, fmt.Errorf("%s%s: more than ten redirects", c.endpoint.Redacted(), path)
}

// statusError is a reply that is not the file.
type statusError struct {
	code    int
	kind    string // X-Error-Code: RepoNotFound, RevisionNotFound, EntryNotFound, GatedRepo, …
	message string
}

func (e *statusError) Error() string {
	text := fmt.Sprintf("the Hub answered %d %s", e.code, http.StatusText(e.code))
	if e.message != "" {
		text += ": " + e.message
	}
	return text
}

// readStatus turns a reply other than 200 or 206 into a statusError.
func readStatus(response *http.Response) error {
	e := &statusError{code: response.StatusCode, kind: response.Header.Get("X-Error-Code"), message: response.Header.Get("X-Error-Message")}
	if e.message == "" {
		var body struct {
			Error string `json:"error"`
		}
		text, err := io.ReadAll(io.LimitReader(response.Body, 4096))
		if err == nil && json.Unmarshal(text, &body) == nil {
			e.message = body.Error
		}
	}
	return e
}

// passing reports whether the same request may work a moment later.
func (e *statusError) passing() bool { return e.code >= 500 || e.code == http.StatusRequestTimeout }

// advise returns what a person can do about a refused request for the model.
func (c client) advise(e *statusError, m Model) string {
	page := c.endpoint.JoinPath(m.Repository).String()
	switch {
	case e.kind == "GatedRepo":
		return fmt.Sprintf("accept the model's terms at %s, then set HF_TOKEN to a token of that account", page)
	case e.kind == "RevisionNotFound":
		return fmt.Sprintf("revision %s does not exist: name another one as %s@main or %s@refs/pr/1", m.Revision, m.Repository, m.Repository)
	case e.kind == "EntryNotFound":
		return "look which files the repository has at " + page
	case e.code == http.StatusUnauthorized && c.token == "":
		return fmt.Sprintf("check the name %s; if the repository is private or gated, set HF_TOKEN", m.Repository)
	case e.code == http.StatusUnauthorized, e.code == http.StatusForbidden:
		return fmt.Sprintf("check the name %s and that the token in HF_TOKEN is valid and may read it", m.Repository)
	case e.code == http.StatusNotFound:
		return fmt.Sprintf("check the name %s and its revision %s", m.Repository, m.Revision)
	case e.code == http.StatusTooManyRequests:
		return "wait a few minutes, or set HF_TOKEN for a higher limit"
	}
	return "try again later; what has arrived is kept"
}
