// Package world renders a small benchmark of moving pictures from facts, so that everything after it can be trained and
// measured without a network. It says plainly that it is rendered: nothing here stands in for real video.
//
// Facts (what, which colour, how large, moving how, where, under which camera) are drawn from a seed; a Scene draws them
// as pixels and captions state a share of them. It feeds three places in the pipeline: Stills is the only data the
// shipped tiny encoder ever sees, New makes the two retrieval domains A and B, and Write lays the demo size and every
// moment video down as MP4 and SRT files that the rest of the program reads like anybody's videos.
//
// Everything is a pure function of a seed: item i depends on no other item, and pixels and facts are the same on every
// machine (the bytes of an MP4 file are not: they vary with the codec). Oracle says what a perfect matcher reaches.
//
// The package trains nothing and encodes no features.
package world

import "math/rand/v2"

// Version names the world's rules. It changes whenever pixels, facts or captions of any seed change.
const Version = 1

// Side is the width and height of every frame in pixels.
const Side = 64

// FPS is the rate at which scenes are drawn when they become files.
const FPS = 8

// stream names one independent source of randomness, so that a change to captions moves no pixel.
type stream uint64

const (
	factStream stream = iota + 1
	placementStream
	lookStream
	backgroundStream
	captionStream
	stillStream
	momentStream
	taskStream
	speechStream
	durationStream
)

// source returns the generator of one item of one stream.
func source(seed uint64, s stream, item uint64) *rand.Rand {
	return rand.New(rand.NewPCG(mix(seed^mix(uint64(s))), mix(item+0x9e3779b97f4a7c15)))
}

// mix is the finaliser of SplitMix64: every bit of the result depends on every bit of the input.
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
