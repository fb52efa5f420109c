package moment

import "fmt"

// Videos returns the ids of the videos, in the order in which they were added.
func (c *Corpus) Videos() ([]string, error) {
	s, err := c.open()
	if err != nil {
		return nil, fmt.Errorf("list the videos of the corpus: %w", err)
	}
	defer s.close()
	ids := make([]string, len(s.videos))
	for i, v := range s.videos {
		ids[i] = v.id
	}
	return ids, nil
}
