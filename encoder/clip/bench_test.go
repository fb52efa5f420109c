package clip

import (
	"math/rand/v2"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/engine"
)

func BenchmarkFrames(b *testing.B) {
	c := ViTB32()
	random := rand.New(rand.NewPCG(1, 2))
	w := c.Init(random)
	p, err := backend(b).Compile(w, func(vars engine.Vars, in []*Node) []*Node { return []*Node{c.Images(vars, in[0])} })
	if err != nil {
		b.Fatal(err)
	}
	x := engine.Floats(engine.Normal(random, 12*3*224*224, 1), 12, 3, 224, 224)
	if _, err := p.Run(x); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		p.Run(x)
	}
}

func BenchmarkTexts(b *testing.B) {
	c := ViTB32()
	random := rand.New(rand.NewPCG(1, 2))
	w := c.Init(random)
	p, err := backend(b).Compile(w, func(vars engine.Vars, in []*Node) []*Node { return []*Node{c.Texts(vars, in[0], in[1])} })
	if err != nil {
		b.Fatal(err)
	}
	x := engine.Ints(make([]int32, 32*77), 32, 77)
	y := engine.Ints(make([]int32, 32), 32)
	if _, err := p.Run(x, y); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		p.Run(x, y)
	}
}
