package video

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"

	"sightline"
)

// thumbnailQuality is the JPEG quality of thumbnails, at which blocks begin not to be seen.
const thumbnailQuality = 85

// Thumbnail returns the frame shown at a time of the video at path (seconds; clamped to the video) as a JPEG whose
// short side is at most size pixels (0: as stored). Errors are those of Sample.
func Thumbnail(ctx context.Context, path string, at float64, size int) ([]byte, error) {
	for frame, err := range Sample(ctx, path, At{at}, size) {
		if err != nil {
			return nil, err
		}
		return encodeJPEG(frame)
	}
	return nil, fmt.Errorf("make a thumbnail of %q: no frame at %v s", path, at)
}

func encodeJPEG(f sightline.Frame) ([]byte, error) {
	img := image.NewRGBA(image.Rect(0, 0, f.Width, f.Height))
	for from, to := 0, 0; from < len(f.RGB); from, to = from+3, to+4 {
		copy(img.Pix[to:to+3], f.RGB[from:from+3])
		img.Pix[to+3] = 0xFF
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: thumbnailQuality}); err != nil {
		return nil, fmt.Errorf("encode a thumbnail: %w", err)
	}
	return out.Bytes(), nil
}
