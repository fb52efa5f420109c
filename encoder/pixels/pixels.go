// Package pixels turns a decoded frame into the numbers a CLIP image encoder looks at, and chooses frames the way the
// retrieval papers do.
//
// It stands between video and the encoders. Start at CLIP, which returns the Transform of OpenAI's and Hugging Face's
// models. A Transform equals torchvision on a PIL image bit for bit up to the last step: bicubic resize with
// antialiasing in PIL's fixed-point arithmetic, centre crop with torchvision's rounding, division by 255, mean and
// deviation of each channel. It does not decode, and it does not batch: an encoder calls it frame by frame into its own
// input tensor.
//
// Frames that video.Sample has scaled down to the same size while decoding save most of the work. They are scaled in
// the colour space of the video and so are not equal: on real clips they differ by less than half a step of 255 in the
// mean and by up to 4 in one pixel of a hundred, which TestDecodeScaling measures and bounds.
package pixels

import (
	"fmt"
	"math"
	"sync"

	"sightline"
)

// Mean and deviation of the three channels of the pictures CLIP was trained on.
var (
	CLIPMean = [3]float32{0.48145466, 0.4578275, 0.40821073}
	CLIPStd  = [3]float32{0.26862954, 0.26130258, 0.27577711}
)

// Transform makes network input of frames: [3, Size, Size], normalised by channel. The zero value is of no use; it is
// safe for concurrent use.
type Transform struct {
	Size      int        // side of the square in pixels
	Mean, Std [3]float32 // of red, green, blue in [0, 1]
}

// CLIP returns the transform of CLIP models that look at size × size pixels.
func CLIP(size int) Transform { return Transform{size, CLIPMean, CLIPStd} }

// Name names the transform for Space.Preprocess: clip-bicubic-224, and the mean and deviation where they are not CLIP's.
func (t Transform) Name() string {
	name := fmt.Sprintf("clip-bicubic-%d", t.Size)
	if t.Mean != CLIPMean || t.Std != CLIPStd {
		name += fmt.Sprintf("-mean-%v-std-%v", t.Mean, t.Std)
	}
	return name
}

// Len returns how many numbers one frame becomes: 3 · Size · Size.
func (t Transform) Len() int { return 3 * t.Size * t.Size }

// Apply writes the frame into dst, [3, Size, Size] in row-major order: its short side is resized to Size, the middle of
// the long one cut out. It returns an error when dst has another length or the frame's bytes do not fit its size.
func (t Transform) Apply(dst []float32, f sightline.Frame) error {
	if len(dst) != t.Len() || t.Size < 1 {
		return fmt.Errorf("preprocess a frame: %d numbers to write for a side of %d", len(dst), t.Size)
	}
	if err := check(f); err != nil {
		return fmt.Errorf("preprocess a frame: %w", err)
	}
	width, height := shortSide(f.Width, f.Height, t.Size)
	region := box{cropStart(width, t.Size), cropStart(height, t.Size), t.Size, t.Size}
	buffer := scratch.Get().(*buffers)
	defer scratch.Put(buffer)
	cropped := buffer.resample(f, width, height, region)
	table := t.table()
	plane := t.Size * t.Size
	for c := range 3 {
		out, values := dst[c*plane:(c+1)*plane], &table[c]
		for k := range out {
			out[k] = values[cropped[3*k+c]]
		}
	}
	return nil
}

// table returns what each byte of each channel becomes: (v/255 − mean)/std in float32, as torch computes it.
func (t Transform) table() *[3][256]float32 {
	if cached, ok := tables.Load(t); ok {
		return cached.(*[3][256]float32)
	}
	table := new([3][256]float32)
	for c := range table {
		for v := range table[c] {
			table[c][v] = (float32(v)/255 - t.Mean[c]) / t.Std[c]
		}
	}
	tables.Store(t, table)
	return table
}

// tables holds one table for each Transform in use, of which a process has a few.
var tables sync.Map

// Resize returns the frame at width × height pixels as PIL's Image.resize(…, BICUBIC) does.
func Resize(f sightline.Frame, width, height int) (sightline.Frame, error) {
	if err := check(f); err != nil {
		return sightline.Frame{}, fmt.Errorf("resize a frame: %w", err)
	}
	if width < 1 || height < 1 {
		return sightline.Frame{}, fmt.Errorf("resize a frame: to %d×%d pixels", width, height)
	}
	buffer := scratch.Get().(*buffers)
	defer scratch.Put(buffer)
	out := buffer.resample(f, width, height, box{0, 0, width, height})
	return sightline.Frame{Time: f.Time, Width: width, Height: height, RGB: append([]byte(nil), out...)}, nil
}

func check(f sightline.Frame) error {
	if f.Width < 1 || f.Height < 1 || len(f.RGB) != 3*f.Width*f.Height {
		return fmt.Errorf("%d bytes for %d×%d pixels", len(f.RGB), f.Width, f.Height)
	}
	return nil
}

// shortSide returns the size of a picture whose short side is resized to size; the long one is cut to an integer.
func shortSide(width, height, size int) (int, int) {
	if width <= height {
		return size, size * height / width
	}
	return size * width / height, size
}

// cropStart returns where the middle size pixels of length begin. torchvision rounds an odd margin half to even.
func cropStart(length, size int) int { return int(math.RoundToEven(float64(length-size) / 2)) }
