// Package bounded reads files that come from elsewhere and are read whole, such as configurations and vocabularies, so
// that none of them takes more memory than it may. Start at ReadFile.
package bounded

import (
	"fmt"
	"io"
	"os"
)

// ReadFile returns the content of the file at path, or an error when that is more than limit bytes.
func ReadFile(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = fmt.Errorf("read %s: it is larger than %d bytes", path, limit)
	}
	return content, err
}
