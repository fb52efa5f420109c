package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"sightline/engine"
)

// version is set by the Makefile; a plain go build has what the toolchain knows.
var version string

type versionInfo struct {
	Version  string   `json:"version"`
	Commit   string   `json:"commit,omitempty"`
	Go       string   `json:"go"`
	Platform string   `json:"platform"`
	SIMD     bool     `json:"simd"`
	Backends []string `json:"backends"`
}

func currentVersion() versionInfo {
	info := versionInfo{
		Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		SIMD: engine.SIMD, Backends: engine.Backends(),
	}
	if build, ok := debug.ReadBuildInfo(); ok {
		if info.Version == "" {
			info.Version = build.Main.Version
		}
		for _, setting := range build.Settings {
			if setting.Key == "vcs.revision" {
				info.Commit = setting.Value
			}
		}
	}
	if info.Version == "" {
		info.Version = "unversioned"
	}
	return info
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version and what is built in",
		Example: `  sightline version
  sightline version --json | jq .backends`,
		Args: operands(0, 0),
		RunE: func(*cobra.Command, []string) error {
			info := currentVersion()
			return a.print(info, func() error {
				simd := "with SIMD"
				if !info.SIMD {
					simd = "without SIMD"
				}
				_, err := fmt.Fprintf(a.out, "sightline %s (%s, %s, %s; backends: %s)\n",
					info.Version, info.Go, info.Platform, simd, strings.Join(info.Backends, ", "))
				return err
			})
		},
	}
}
