package ffmpeg

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Version is what ffmpeg says of itself.
type Version struct {
	Text         string // as printed, e.g. "5.1.9-0+deb12u1"
	Major, Minor int    // 0 when Text is the name of a snapshot
}

// AtLeast reports whether the version is major.minor or later; a snapshot counts as later than every release.
func (v Version) AtLeast(major, minor int) bool {
	if v.Major == 0 {
		return true
	}
	return v.Major > major || v.Major == major && v.Minor >= minor
}

var (
	versionText   = regexp.MustCompile(`^\w+ version (\S+)`)
	versionNumber = regexp.MustCompile(`^n?(\d+)\.(\d+)`)
	versions      sync.Map // path of ffmpeg → Version
)

// LookUp returns the version of the ffmpeg that Command runs. A program is asked once.
func LookUp(ctx context.Context) (Version, error) {
	path, err := Find("ffmpeg")
	if err != nil {
		return Version{}, err
	}
	if v, ok := versions.Load(path); ok {
		return v.(Version), nil
	}
	cmd, err := Command(ctx, Guards{Timeout: 30 * time.Second}, "-version")
	if err != nil {
		return Version{}, err
	}
	out, err := cmd.Output()
	if err != nil {
		return Version{}, fmt.Errorf("ask %s for its version: %w", path, err)
	}
	v, err := parseVersion(string(out))
	if err != nil {
		return Version{}, fmt.Errorf("ask %s for its version: %w", path, err)
	}
	versions.Store(path, v)
	return v, nil
}

func parseVersion(out string) (Version, error) {
	first, _, _ := strings.Cut(out, "\n")
	m := versionText.FindStringSubmatch(first)
	if m == nil {
		return Version{}, fmt.Errorf("it printed %q", first)
	}
	v := Version{Text: m[1]}
	if n := versionNumber.FindStringSubmatch(m[1]); n != nil {
		v.Major, _ = strconv.Atoi(n[1])
		v.Minor, _ = strconv.Atoi(n[2])
	}
	return v, nil
}
