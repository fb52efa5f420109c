package sightline_test

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// The program is one file without a C library, for every system that the README names. The first run compiles the
// dependencies for all of them and takes minutes; later ones take seconds.
func TestCrossCompile(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the program four times")
	}
	for _, system := range []string{"linux", "darwin"} {
		for _, processor := range []string{"amd64", "arm64"} {
			t.Run(system+"_"+processor, func(t *testing.T) {
				binary := filepath.Join(t.TempDir(), "sightline")
				build := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "./cmd/sightline")
				build.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+processor, "CGO_ENABLED=0", "GOEXPERIMENT=simd", "GOFLAGS=")
				if out, err := build.CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				if system == "linux" {
					static(t, binary)
				}
				if system == runtime.GOOS && processor == runtime.GOARCH {
					if out, err := exec.Command(binary, "version").CombinedOutput(); err != nil {
						t.Errorf("it does not run: %v\n%s", err, out)
					}
				}
			})
		}
	}
}

// static fails the test when a binary asks for libraries of the system.
func static(t *testing.T, binary string) {
	file, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	libraries, err := file.ImportedLibraries()
	if err != nil || len(libraries) > 0 {
		t.Errorf("it needs libraries: %v, %v", libraries, err)
	}
}
